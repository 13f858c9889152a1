/** The audit's worklist, blind: one sequence after another, without score, bucket or model; every key is a label of the audit. */
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { Button } from "@/components/ui/Button";
import { Empty, Failed, Loading } from "@/components/ui/States";
import { BlindPane } from "@/features/sequence/components/BlindPane";
import { NO_FILTERS, type Filters } from "@/lib/columns/filter";
import { nameAt, numberAt } from "@/lib/columns/table";
import { count } from "@/lib/format";
import { useKeys } from "@/lib/keys/useKeys";
import { useReport } from "@/lib/report/report";
import { isDecided, wordsAt } from "@/lib/review/decisions";
import type { Desk } from "@/lib/review/desk";
import { useDecisionKeys } from "@/lib/review/useDecisionKeys";
import { labelOf } from "@/lib/review/vocabulary";
import { useViewPart } from "@/lib/view/store";
import styles from "./AuditDesk.module.css";

export function AuditDesk({ desk }: { desk: Desk }) {
  const { summary, table } = useReport();
  const { go } = useViewPart((view) => view.mode);
  const audit = useQuery({ queryKey: ["audit", summary.variant, summary.version], queryFn: ({ signal }) => desk.source.audit(summary, signal), staleTime: 0, gcTime: 0 });
  const rows = useMemo(() => (audit.data?.keys ?? []).map((key) => table.rowOf(key)).filter((row) => row >= 0), [audit.data, table]);
  const [chosen, setChosen] = useState<number | null>(null);
  // A planted smoke was decided before the audit: until this reviewer judged it, it looks like any other.
  const [judged, setJudged] = useState<ReadonlySet<number>>(new Set());
  const wanted = useMemo(() => new Set((audit.data?.left ?? []).map((key) => table.rowOf(key))), [audit.data, table]);
  const isOpen = (each: number) => !isDecided(desk.decisions, each) || (wanted.has(each) && !judged.has(each));
  const open = rows.findIndex(isOpen);
  const place = chosen ?? (open < 0 ? rows.length : open);
  const row = rows[place] ?? -1;
  const left = rows.filter(isOpen).length;
  useDecisionKeys(desk, true, (words) => {
    if (row < 0) return;
    // In a log of its own: a known smoke that is missed here becomes a disagreement, never a decision that discards it.
    void desk.decideRows([row], words, `${desk.reviewer} (audit)`);
    setJudged(new Set(judged).add(row));
    setChosen(place + 1 < rows.length ? place + 1 : null);
  });
  useKeys({
    up: () => setChosen(Math.max(0, place - 1)),
    down: () => setChosen(Math.min(rows.length - 1, place + 1)),
  });
  /** A smoke seldom comes alone: camera and day of every smoke, as filters. */
  const neighbourhoods = (smokes: readonly number[]) => {
    const found = new Map<string, Filters>();
    for (const each of smokes) {
      const camera = nameAt(table.camera, each);
      const started = numberAt(table.startedAt, each);
      if (camera === null || started === null) continue;
      const day = new Date(started).toISOString().slice(0, 10);
      found.set(`${camera}, ${day}`, { ...NO_FILTERS, cameras: [camera], from: day, to: day });
    }
    return [...found].map(([label, filters]) => ({ label, filters }));
  };
  if (audit.isPending) return <Loading what="the audit" />;
  if (audit.isError) return <Failed what="the audit" error={audit.error} onRetry={() => void audit.refetch()} />;
  if (audit.data === null) {
    return (
      <Empty title="No audit is planned for this report">
        <p>
          <code>triage audit plan</code> freezes the Unlabel bucket and draws what is to be looked at.
        </p>
      </Empty>
    );
  }
  const said = row < 0 || isOpen(row) ? null : wordsAt(desk.decisions, row);
  return (
    <div className={styles.desk}>
      <header className={styles.head}>
        <h2>Audit, look {audit.data.look}</h2>
        <p role="status">
          {count(rows.length - left)} of {count(rows.length)} labelled. Scores and buckets are hidden: judge what you see.
        </p>
        {audit.data.expired && <p className={styles.bad}>The bucket changed since this audit was planned: it has expired.</p>}
        <span className={styles.space} />
        <Button disabled={place <= 0} onClick={() => setChosen(place - 1)} aria-label="Previous sequence">
          ↑
        </Button>
        <Button disabled={place >= rows.length - 1} onClick={() => setChosen(place + 1)} aria-label="Next sequence">
          ↓
        </Button>
      </header>
      {row < 0 ? (
        <Empty title="Every sequence of this look is labelled">
          <p>
            <code>triage audit report</code> gives the verdict.
          </p>
          {neighbourhoods(rows.filter((each) => wordsAt(desk.decisions, each)?.startsWith("smoke") === true)).map((one) => (
            <Button key={one.label} onClick={() => go({ mode: "table", open: null, filters: one.filters })}>
              Open what <bdi>{one.label}</bdi> saw that day: its smokes are rescued
            </Button>
          ))}
        </Empty>
      ) : (
        <>
          <p className={styles.said}>
            {place + 1} / {rows.length}
            {said !== null && `: ${labelOf(desk.keys, said)}`}
          </p>
          <BlindPane key={row} sequenceKey={table.key(row)} />
        </>
      )}
    </div>
  );
}

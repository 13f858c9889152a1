/**
 * The audit: its worklist blind, one sequence after another, then what stands beside the smokes, then the verdict. While the blind session
 * runs the server tells nothing of these sequences but their frames, so that there is nothing in the page to look up either.
 */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useEffectEvent, useMemo, useState } from "react";
import { Button } from "@/components/ui/Button";
import { Empty, Failed, Loading } from "@/components/ui/States";
import { BlindPane } from "@/features/sequence/components/BlindPane";
import { count, counted } from "@/lib/format";
import { useKeys } from "@/lib/keys/useKeys";
import { useReport } from "@/lib/report/report";
import { isDecided, wordsAt } from "@/lib/review/decisions";
import type { Desk } from "@/lib/review/desk";
import type { Audit } from "@/lib/review/reviewSource";
import { useDecisionKeys } from "@/lib/review/useDecisionKeys";
import { labelOf } from "@/lib/review/vocabulary";
import styles from "./AuditDesk.module.css";
import { AuditVerdict } from "./AuditVerdict";

export function AuditDesk({ desk }: { desk: Desk }) {
  const { summary } = useReport();
  const { variant, version } = summary;
  const queries = useQueryClient();
  const audit = useQuery({ queryKey: ["audit", variant], queryFn: ({ signal }) => desk.source.audit(summary, signal), staleTime: 0, gcTime: 0 });
  const wanted = audit.data?.version ?? version;
  // The rows that the page holds tell too much, or no longer enough: get those that go with the session, and forget the others.
  useEffect(() => {
    if (wanted === version) return;
    const old = ["rows", "sequence"];
    void queries
      .invalidateQueries({ queryKey: ["reports"] })
      .then(() => queries.removeQueries({ predicate: ({ queryKey: [kind, of, at] }) => old.includes(kind as string) && of === variant && at === version }));
  }, [queries, variant, version, wanted]);
  if (audit.isPending || wanted !== version) return <Loading what="the audit" />;
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
  const again = async () => {
    await audit.refetch();
  };
  if (audit.data.running) return <Session key={audit.data.look} desk={desk} audit={audit.data} again={again} />;
  if (audit.data.left.length > 0) return <Start desk={desk} audit={audit.data} again={again} />;
  return <Rescue key={`${audit.data.audit_id} ${audit.data.look}`} desk={desk} audit={audit.data} again={again} />;
}

interface Props {
  desk: Desk;
  audit: Audit;
  /** Ask the server how the audit stands now. */
  again: () => Promise<void>;
}

function Start({ desk, audit, again }: Props) {
  const { summary } = useReport();
  const [refused, setRefused] = useState<string | null>(null);
  const begin = async () => {
    try {
      await desk.source.beginAudit(summary);
      await again();
    } catch (error) {
      setRefused(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <Empty title={`Audit, look ${audit.look}: ${counted(audit.left.length, "sequence", "sequences")} to judge`}>
      {audit.expired ? (
        <p className={styles.bad}>The bucket changed since this audit was planned: it has expired. `triage audit plan` makes another one.</p>
      ) : (
        <>
          <p>They come blind: until the last one is judged, nobody sees their scores and buckets here, in no list and no filter.</p>
          <Button onClick={() => void begin()}>Begin, blind</Button>
        </>
      )}
      {refused !== null && (
        <p role="alert" className={styles.bad}>
          {refused}
        </p>
      )}
    </Empty>
  );
}

function Session({ desk, audit, again }: Props) {
  const { table } = useReport();
  const rows = useRowsOf(audit.keys);
  const list = useList(rows, (each) => !isDecided(desk.decisions, each));
  const { row, place, left } = list;
  useDecisionKeys(desk, true, (words) => {
    if (row < 0) return;
    const sent = desk.answer(row, words);
    list.go(place + 1 < rows.length ? place + 1 : null);
    if (left === 1) void sent.then(again);
  });
  // What the last answers came to, when they were not acknowledged in order or another reviewer gave some.
  const { decisions } = desk;
  const settled = useEffectEvent(() => {
    if (left === 0) void again();
  });
  useEffect(() => settled(), [decisions]);
  const later = rows.filter((each) => wordsAt(desk.decisions, each) === "later").length;
  return (
    <div className={styles.desk}>
      <header className={styles.head}>
        <h2>Audit, look {audit.look}</h2>
        <p role="status">
          {count(rows.length - left)} of {count(rows.length)} labelled. Scores and buckets are hidden: judge what you see.
          {later > 0 && ` ${count(later)} kept for later: they still want a label; what cannot be judged is unsure.`}
        </p>
        <span className={styles.space} />
        <Steps list={list} count={rows.length} />
      </header>
      {row >= 0 && <Shown desk={desk} row={row} place={place} count={rows.length} sequenceKey={table.key(row)} />}
    </div>
  );
}

/** A smoke seldom comes alone: what its camera saw in that direction on that day went back to Review, and is opened here. */
function Rescue({ desk, audit, again }: Props) {
  const { table } = useReport();
  // Those that were offered when this began stay in sight, so that one can go back to them.
  const [offered] = useState(audit.neighbours);
  const rows = useRowsOf(offered);
  // Not whoever is decided is opened: a rule over many decides without a look. The server knows, and what was decided here since.
  const waiting = new Set(useRowsOf(audit.neighbours));
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set());
  const list = useList(rows, (each) => waiting.has(each) && !opened.has(each));
  const { row, place, left } = list;
  const decide = async (words: string) => {
    list.go(place + 1 < rows.length ? place + 1 : null);
    setOpened(new Set(opened).add(row));
    const done = await desk.decideRows([row], words);
    if (!done) setOpened(new Set());
    if (!done || left === 1) await again();
  };
  useDecisionKeys(desk, true, (words) => {
    if (row >= 0) void decide(words);
  });
  const rescued = rows.filter((each) => wordsAt(desk.decisions, each)?.startsWith("smoke") === true).length;
  if (row < 0) {
    return (
      <Empty title="Every sequence of this look is labelled">
        {rows.length > 0 && (
          <p role="status">
            {counted(rescued, "smoke", "smokes")} rescued beside the hits, of {counted(rows.length, "sequence", "sequences")} opened.
          </p>
        )}
        <AuditVerdict desk={desk} again={again} />
      </Empty>
    );
  }
  return (
    <div className={styles.desk}>
      <header className={styles.head}>
        <h2>Rescue</h2>
        <p role="status">
          {count(rows.length - left)} of {count(rows.length)} opened. They are of the same camera, direction and day as a smoke that the audit found, and back
          in Review: a smoke among them is rescued.
        </p>
        <span className={styles.space} />
        <Steps list={list} count={rows.length} />
      </header>
      <Shown desk={desk} row={row} place={place} count={rows.length} sequenceKey={table.key(row)} />
    </div>
  );
}

function useRowsOf(keys: readonly string[]): readonly number[] {
  const { table } = useReport();
  return useMemo(() => keys.map((key) => table.rowOf(key)).filter((row) => row >= 0), [keys, table]);
}

interface List {
  /** -1 = no row is open. */
  readonly row: number;
  readonly place: number;
  /** How many are open. */
  readonly left: number;
  /** null = to the first that is open. */
  readonly go: (place: number | null) => void;
}

/** One row after another, the first open one unless somebody steps. */
function useList(rows: readonly number[], isOpen: (row: number) => boolean): List {
  const [chosen, setChosen] = useState<number | null>(null);
  const open = rows.findIndex(isOpen);
  const place = chosen ?? (open < 0 ? rows.length : open);
  useKeys({
    up: () => setChosen(Math.max(0, place - 1)),
    down: () => setChosen(Math.min(rows.length - 1, place + 1)),
  });
  return { row: rows[place] ?? -1, place, left: rows.filter(isOpen).length, go: setChosen };
}

function Steps({ list: { place, go }, count: total }: { list: List; count: number }) {
  return (
    <>
      <Button disabled={place <= 0} onClick={() => go(place - 1)} aria-label="Previous sequence">
        ↑
      </Button>
      <Button disabled={place >= total - 1} onClick={() => go(place + 1)} aria-label="Next sequence">
        ↓
      </Button>
    </>
  );
}

function Shown({ desk, row, place, count: total, sequenceKey }: { desk: Desk; row: number; place: number; count: number; sequenceKey: string }) {
  const said = wordsAt(desk.decisions, row);
  return (
    <>
      <p className={styles.said}>
        {place + 1} / {total}
        {said !== null && `: ${labelOf(desk.keys, said)}`}
      </p>
      <BlindPane key={row} sequenceKey={sequenceKey} />
    </>
  );
}

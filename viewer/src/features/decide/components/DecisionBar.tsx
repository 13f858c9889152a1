/** The line under the list: decide everything shown, the legend, undo, history, progress, and what the last action did. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/components/ui/Button";
import { count, counted } from "@/lib/format";
import { useReport } from "@/lib/report/report";
import { useSelection } from "@/lib/report/selection";
import type { Desk } from "@/lib/review/desk";
import { paceText } from "../model/pace";
import { BulkDialog } from "./BulkDialog";
import styles from "./DecisionBar.module.css";
import { HistoryDialog } from "./HistoryDialog";
import { KeyDialog } from "./KeyDialog";
import { Legend } from "./Legend";
import { ViewsDialog } from "./ViewsDialog";

const PACE_MS = 10_000;

type Open = "bulk" | "history" | "keys" | "views" | null;

export function DecisionBar({ desk }: { desk: Desk }) {
  const { summary, table } = useReport();
  const { rows, leftOut, clearLeftOut } = useSelection();
  const [open, setOpen] = useState<Open>(null);
  const { decisions, notice } = desk;
  const pace = useQuery({
    queryKey: ["pace", summary.variant],
    queryFn: ({ signal }) => desk.source.pace(summary, signal),
    refetchInterval: PACE_MS,
  });
  const problems = useQuery({ queryKey: ["desk"], queryFn: ({ signal }) => desk.source.desk(signal), staleTime: 30_000 }).data?.problems ?? [];
  return (
    <section className={styles.bar} aria-label="Decisions">
      <div className={styles.line}>
        <Button kind="primary" disabled={rows.length === 0 || desk.past !== null} onClick={() => setOpen("bulk")}>
          Decide all {count(rows.length)}
          {leftOut.size > 0 && ` but ${count(leftOut.size)}`}…
        </Button>
        {leftOut.size > 0 && (
          <Button kind="chip" onClick={clearLeftOut} aria-label="Leave nothing out">
            {count(leftOut.size)} left out <span aria-hidden="true">✕</span>
          </Button>
        )}
        <Button pressed={desk.keysOn} onClick={() => desk.setKeysOn(!desk.keysOn)} title="Letters decide ( F )">
          Decision keys
        </Button>
        <span className={styles.group}>
          <Button onClick={() => void desk.undo()} title="Undo my last decision ( Ctrl-Z )">
            Undo
          </Button>
          <Button onClick={() => void desk.redo()} title="Redo ( Ctrl-Shift-Z )">
            Redo
          </Button>
          <Button onClick={() => setOpen("history")}>History</Button>
          <Button onClick={() => setOpen("views")}>Views</Button>
        </span>
        <span className={styles.space} />
        <p className={styles.progress} role="status">
          <strong>{count(decisions.decided)}</strong> / {count(table.length)} decided
          {decisions.disagreements > 0 && `, ${counted(decisions.disagreements, "disagreement", "disagreements")}`}
          {pace.data !== undefined && paceText(pace.data)}
          {pace.data !== undefined && pace.data.second_looks > 0 && (
            <span title="Sequences that somebody decided without seeing what others had said">
              , {count(pace.data.agreed)} of {counted(pace.data.second_looks, "second look", "second looks")} agreed
            </span>
          )}
        </p>
      </div>
      {problems.length > 0 && (
        <details className={styles.bad} role="alert">
          <summary>{counted(problems.length, "problem", "problems")} in the decision logs; everything else counts</summary>
          <ul>
            {problems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
        </details>
      )}
      {desk.decisions.blind && (
        <p className={styles.past} role="status">
          A second look: what others said is hidden until you have decided.
        </p>
      )}
      {desk.past !== null && (
        <p className={styles.past} role="status">
          You look at the past: <bdi>{desk.past}</bdi>. <Button onClick={() => desk.setPast(null)}>Back to now</Button>
        </p>
      )}
      {notice !== null && (
        <p className={notice.bad ? styles.bad : styles.notice} role={notice.bad ? "alert" : "status"}>
          <span>{notice.text}</span>
          {notice.event !== null && (
            <Button kind="quiet" onClick={() => void desk.undo(notice.event ?? undefined)}>
              Undo this
            </Button>
          )}
          <Button kind="quiet" aria-label="Dismiss" onClick={desk.dismiss}>
            ✕
          </Button>
        </p>
      )}
      {desk.keysOn && <Legend keys={desk.keys} onChange={() => setOpen("keys")} />}
      {open === "bulk" && <BulkDialog desk={desk} onClose={() => setOpen(null)} />}
      {open === "history" && <HistoryDialog desk={desk} onClose={() => setOpen(null)} />}
      {open === "keys" && <KeyDialog desk={desk} onClose={() => setOpen(null)} />}
      {open === "views" && <ViewsDialog desk={desk} onClose={() => setOpen(null)} />}
    </section>
  );
}

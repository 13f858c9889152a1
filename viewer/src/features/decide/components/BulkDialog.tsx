/** Decide everything that the filter shows, less what was left out: the count first, a receipt after. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/components/ui/Button";
import { DecisionSelect } from "@/components/ui/DecisionSelect";
import { Dialog } from "@/components/ui/Dialog";
import { count } from "@/lib/format";
import { useReport } from "@/lib/report/report";
import { useSelection, useThreshold } from "@/lib/report/selection";
import type { Desk } from "@/lib/review/desk";
import { whereOf } from "@/lib/review/where";
import { useView } from "@/lib/view/store";
import styles from "./BulkDialog.module.css";

export function BulkDialog({ desk, onClose }: { desk: Desk; onClose: () => void }) {
  const report = useReport();
  const { rows, leftOut, clearLeftOut } = useSelection();
  const { view } = useView();
  const threshold = useThreshold(report);
  const [words, setWords] = useState("unlabeled");
  const [note, setNote] = useState("");
  const [tags, setTags] = useState("");
  const [settle, setSettle] = useState(false);
  const shown = Array.from(rows).filter((row) => !leftOut.has(row));
  const selection = {
    where: whereOf(view.filters),
    exclusions: [...leftOut].map((row) => report.table.sequenceId[row]!),
    threshold: threshold === report.summary.threshold ? null : threshold,
  };
  const wording = { words, note, settle, tags: tags.split(/[,\s]+/).filter(Boolean) };
  const asked = { ...selection, ...wording };
  const counted = useQuery({
    queryKey: ["select", report.summary.variant, asked],
    queryFn: ({ signal }) => desk.source.select(report.summary, asked, signal),
    placeholderData: keepPreviousData,
    gcTime: 0,
  });
  const agrees = counted.data?.count === shown.length;
  const accept = async () => {
    onClose();
    if (await desk.decideWhere({ ...asked, expect: shown.length }, shown)) clearLeftOut();
  };
  return (
    <Dialog title={`Decide ${count(shown.length)} sequences`} onClose={onClose}>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          void accept();
        }}
      >
        <p>
          Everything in the current filter{leftOut.size > 0 && <> but {count(leftOut.size)} left out</>}. One undo takes it back.
        </p>
        <div className={styles.field}>
          <span>As</span>
          <DecisionSelect keys={desk.keys} value={words} onChange={setWords} />
        </div>
        <label className={styles.field}>
          <span>Note</span>
          <input type="text" value={note} maxLength={500} onChange={(event) => setNote(event.target.value)} />
        </label>
        <label className={styles.field}>
          <span>Tags</span>
          <input type="text" value={tags} maxLength={200} placeholder="mast, look-again" onChange={(event) => setTags(event.target.value)} />
        </label>
        {desk.decisions.disagreements > 0 && (
          <label>
            <input type="checkbox" checked={settle} onChange={(event) => setSettle(event.target.checked)} /> This ends the disagreements about
            them
          </label>
        )}
        {counted.isError && (
          <p role="alert" className={styles.bad}>
            {counted.error.message}
          </p>
        )}
        {counted.data !== undefined && !agrees && (
          <p role="alert" className={styles.bad}>
            The server counts {count(counted.data.count)}: somebody decided meanwhile. Close this and look again.
          </p>
        )}
        {counted.data !== undefined && (
          <p className={styles.command}>
            As a command: <code>{counted.data.command}</code>
          </p>
        )}
        <div className={styles.buttons}>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" disabled={!agrees || shown.length === 0}>
            Decide {count(shown.length)}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

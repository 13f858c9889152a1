import { BucketBadge } from "@/components/ui/BucketBadge";
import { Button } from "@/components/ui/Button";
import { holdReason } from "@/lib/buckets";
import { BUCKETS, bucketOf } from "@/lib/columns/buckets";
import { nameAt, numberAt } from "@/lib/columns/table";
import { count, score } from "@/lib/format";
import { useReport } from "@/lib/report/report";
import { positionOf, stepFrom, useSelection, useThreshold } from "@/lib/report/selection";
import { useViewStore } from "@/lib/view/store";
import styles from "./Header.module.css";

/** Who it is, its bucket at the slider's threshold, and the way through the list. Known from the rows: there before anything is loaded. */
export function Header({ row }: { row: number }) {
  const report = useReport();
  const { table } = report;
  const { rows } = useSelection();
  const { go, adjust } = useViewStore();
  const threshold = useThreshold(report);
  const position = positionOf(rows, row);
  const reason = nameAt(table.holdReason, row);
  const step = (by: number) => adjust({ open: table.key(stepFrom(rows, row, by)) });
  return (
    <header className={styles.header}>
      <Button onClick={() => go({ open: null })} title="Back to the list ( Esc )">
        <span aria-hidden="true">←</span> <span className={styles.word}>List</span>
      </Button>
      <h2 className={styles.title}>{table.sequenceId[row]}</h2>
      <BucketBadge bucket={BUCKETS[bucketOf(table, row, threshold)]!} />
      <span className={styles.score} title="Score: 0 to 1, higher looks more like smoke">
        {reason === null ? score(numberAt(table.score, row)) : holdReason(reason)}
      </span>
      <span className={styles.space} />
      <span className={styles.position}>{position < 0 ? "not in the filtered list" : `${count(position + 1)} / ${count(rows.length)}`}</span>
      <span className={styles.steps}>
        <Button disabled={position <= 0} onClick={() => step(-1)} aria-label="Previous sequence" title="Previous ( K )">
          ↑
        </Button>
        <Button disabled={position < 0 || position === rows.length - 1} onClick={() => step(1)} aria-label="Next sequence" title="Next ( J )">
          ↓
        </Button>
      </span>
    </header>
  );
}

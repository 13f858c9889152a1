/** A stacked bar of bucket counts. Decoration beside numbers that say the same, so hidden from screen readers. */
import { BUCKETS, type BucketCounts } from "@/lib/columns/buckets";
import styles from "./BucketBar.module.css";

export function BucketBar({ counts, total = counts.total }: { counts: BucketCounts; total?: number }) {
  return (
    <span className={styles.bar} aria-hidden="true">
      {BUCKETS.map((bucket) => (
        <span key={bucket} className={styles[bucket]} style={{ width: `${total === 0 ? 0 : (100 * counts[bucket]) / total}%` }} />
      ))}
    </span>
  );
}

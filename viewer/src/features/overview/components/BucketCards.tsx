/** To Review / Unlabel / Hold: counts, shares and bars at the slider's threshold; each card filters by its bucket. */
import { BUCKETS, countsAt, type Bucket } from "@/lib/columns/buckets";
import { BUCKET_LOOKS } from "@/lib/buckets";
import { count, counted, share } from "@/lib/format";
import { useReport } from "@/lib/report/report";
import { useThreshold } from "@/lib/report/selection";
import { useViewPart } from "@/lib/view/store";
import { toggled } from "../model/toggle";
import styles from "./BucketCards.module.css";

export function BucketCards() {
  const report = useReport();
  const { part: filters, go } = useViewPart((view) => view.filters);
  const counts = countsAt(report.scores, useThreshold(report));
  const chosen = filters.buckets;
  const choose = (bucket: Bucket) => go({ filters: { ...filters, buckets: toggled(chosen, bucket) } });
  return (
    <div className={styles.cards} role="group" aria-label="Buckets">
      {BUCKETS.map((bucket) => (
        <button
          key={bucket}
          type="button"
          className={`${styles.card} ${styles[bucket]}`}
          aria-pressed={chosen.includes(bucket)}
          aria-label={`${BUCKET_LOOKS[bucket].name}: ${counted(counts[bucket], "sequence")}, ${share(counts[bucket], counts.total)}`}
          title={BUCKET_LOOKS[bucket].meaning}
          onClick={() => choose(bucket)}
        >
          <span className={styles.name}>
            <span aria-hidden="true">{BUCKET_LOOKS[bucket].sign}</span> {BUCKET_LOOKS[bucket].name}
          </span>
          <span className={styles.count}>{count(counts[bucket])}</span>
          <span className={styles.share}>{share(counts[bucket], counts.total)}</span>
          <span className={styles.bar} aria-hidden="true">
            <span style={{ width: `${counts.total === 0 ? 0 : (100 * counts[bucket]) / counts.total}%` }} />
          </span>
        </button>
      ))}
    </div>
  );
}

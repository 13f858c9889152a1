import { BucketBadge } from "@/components/ui/BucketBadge";
import { BUCKETS } from "@/lib/columns/buckets";
import { BUCKET_LOOKS } from "@/lib/buckets";
import styles from "./Explainer.module.css";

/** What the buckets mean and what happens to Unlabel. */
export function Explainer() {
  return (
    <details className={styles.explainer}>
      <summary>What the buckets mean</summary>
      <dl>
        {BUCKETS.map((bucket) => (
          <div key={bucket}>
            <dt>
              <BucketBadge bucket={bucket} />
            </dt>
            <dd>{BUCKET_LOOKS[bucket].meaning}</dd>
          </div>
        ))}
      </dl>
      <p>
        The score is the model’s largest calibrated probability over the tubes it kept, from 0 to 1; higher looks more like smoke.
      </p>
      <p>
        Sequences in Unlabel are meant to leave the queue as “unlabeled” false positives. Nothing here sends them: triage only writes files, and
        a person sends those. A smoke that is sent that way becomes a training negative, so look at the top of Unlabel before you do.
      </p>
    </details>
  );
}

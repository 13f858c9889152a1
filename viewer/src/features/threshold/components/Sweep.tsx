/** Counts at set thresholds; a row sets the threshold, the nearest one is marked. */
import { memo, useMemo } from "react";
import type { SortedScores } from "@/lib/columns/buckets";
import { confusionAt, type LabelScores } from "@/lib/columns/outcomes";
import { sweep } from "@/lib/columns/sweep";
import { count, share, threshold as formatThreshold } from "@/lib/format";
import styles from "./Sweep.module.css";

interface Props {
  scores: SortedScores;
  labels: LabelScores | null;
  /** Index of the row nearest to the threshold; given, so that the table is drawn again only when that is another one. */
  nearest: number;
  onChoose: (threshold: number) => void;
}

/** Sixteen lines are too many before the list on a phone: there they start folded. */
const wide = window.matchMedia("(width >= 860px)").matches;

export const Sweep = memo(function Sweep({ scores, labels, nearest, onChoose }: Props) {
  const rows = useMemo(() => sweep(scores), [scores]);
  return (
    <details open={wide} className={styles.others}>
      <summary>Other thresholds</summary>
      <table className={styles.sweep}>
        <caption className="visually-hidden">Counts at other thresholds</caption>
        <thead>
          <tr>
            <th scope="col">At</th>
            <th scope="col">To Review</th>
            <th scope="col">Unlabel</th>
            {labels !== null && <th scope="col">Smoke kept</th>}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => {
            const smoke = labels === null ? null : confusionAt(labels, row.threshold).smoke;
            return (
              <tr key={row.threshold} className={index === nearest ? styles.nearest : undefined} onClick={() => onChoose(row.threshold)}>
                <th scope="row">
                  <button
                    type="button"
                    aria-current={index === nearest ? "true" : undefined}
                    aria-label={`Set threshold ${formatThreshold(row.threshold)}`}
                    onClick={() => onChoose(row.threshold)}
                  >
                    {formatThreshold(row.threshold)}
                  </button>
                </th>
                <td>{count(row.review)}</td>
                <td>{count(row.unlabeled)}</td>
                {smoke !== null && <td>{share(smoke.review + smoke.hold, smoke.total)}</td>}
              </tr>
            );
          })}
        </tbody>
      </table>
    </details>
  );
});

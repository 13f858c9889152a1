/** The sweep table: counts at set thresholds, in steps of 0.05 near the middle and wider at the ends. */
import { countsAt, type SortedScores } from "./buckets";

export const SWEEP_THRESHOLDS: readonly number[] = [
  0.05, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9, 0.95,
];

export interface SweepRow {
  readonly threshold: number;
  readonly review: number;
  readonly unlabeled: number;
}

export function sweep(scores: SortedScores): readonly SweepRow[] {
  return SWEEP_THRESHOLDS.map((threshold) => {
    const { review, unlabeled } = countsAt(scores, threshold);
    return { threshold, review, unlabeled };
  });
}

/** Index of the row nearest to `threshold`; of two equally near ones the lower. */
export function nearestSweepRow(threshold: number): number {
  let best = 0;
  SWEEP_THRESHOLDS.forEach((candidate, index) => {
    // A tie within rounding (0.15 between 0.1 and 0.2) must not depend on the last bit.
    if (Math.abs(candidate - threshold) < Math.abs(SWEEP_THRESHOLDS[best]! - threshold) - 1e-9) best = index;
  });
  return best;
}

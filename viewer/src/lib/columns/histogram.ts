/** The score histogram: counts of judged rows in equal bins over [0, 1]; the bin that holds the threshold is split exactly. */
import { countBelow, type SortedScores } from "./buckets";

export interface Bin {
  /** Lower edge, included; the upper edge is excluded except in the last bin. */
  readonly from: number;
  readonly to: number;
  readonly unlabeled: number;
  readonly review: number;
}

/** Counts only: what does not change with the threshold. */
export function binCounts(scores: SortedScores, bins: number): readonly number[] {
  const edges = Array.from({ length: bins + 1 }, (_, index) =>
    index === bins ? scores.ascending.length : countBelow(scores.ascending, index / bins),
  );
  return edges.slice(1).map((upper, index) => upper - (index === 0 ? 0 : edges[index]!));
}

/** The bins with each count split at `threshold`. */
export function splitBins(counts: readonly number[], scores: SortedScores, threshold: number): readonly Bin[] {
  const below = countBelow(scores.ascending, threshold);
  let seen = 0;
  return counts.map((count, index) => {
    const unlabeled = Math.max(0, Math.min(count, below - seen));
    seen += count;
    return { from: index / counts.length, to: (index + 1) / counts.length, unlabeled, review: count - unlabeled };
  });
}

/**
 * The one rule that turns scores and a threshold into buckets, and counts that cost O(log rows) per threshold.
 *
 * Agrees with `triage.report.rebucket` (test-vectors/rebucket.json): hold when there is a hold reason or no score in [0, 1],
 * review when score >= threshold (both 64-bit), else unlabeled.
 */
import type { DictColumn, ReportTable } from "./table";

export type Bucket = "review" | "unlabeled" | "hold";
export const BUCKETS: readonly Bucket[] = ["review", "unlabeled", "hold"];
export const REVIEW = 0;
export const UNLABELED = 1;
export const HOLD = 2;

/** A bucket's code (index into BUCKETS) for one row. */
export function bucketOf(table: Pick<ReportTable, "score" | "holdReason">, row: number, threshold: number): number {
  const score = table.score[row]!;
  if (table.holdReason.codes[row]! >= 0 || !(score >= 0 && score <= 1)) return HOLD;
  return score >= threshold ? REVIEW : UNLABELED;
}

export interface BucketCounts {
  readonly review: number;
  readonly unlabeled: number;
  readonly hold: number;
  readonly total: number;
}

/** Scores of a group in ascending order, and how many of it are held: enough for its counts at any threshold. */
export interface SortedScores {
  readonly ascending: Float64Array;
  readonly held: number;
}

/** How many of `ascending` are below `value`. */
export function countBelow(ascending: Float64Array, value: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function countsAt(scores: SortedScores, threshold: number): BucketCounts {
  const unlabeled = countBelow(scores.ascending, threshold);
  const judged = scores.ascending.length;
  return { review: judged - unlabeled, unlabeled, hold: scores.held, total: judged + scores.held };
}

export function sortScores(table: Pick<ReportTable, "length" | "score" | "holdReason">): SortedScores {
  const judged = new Float64Array(table.length);
  let count = 0;
  for (let row = 0; row < table.length; row++) {
    if (bucketOf(table, row, 0) !== HOLD) judged[count++] = table.score[row]!;
  }
  return { ascending: judged.slice(0, count).sort(), held: table.length - count };
}

/** SortedScores per name of `column`, in the order of its names; rows without a name come last. */
export function sortScoresBy(
  table: Pick<ReportTable, "length" | "score" | "holdReason">,
  column: DictColumn,
): readonly SortedScores[] {
  const groups = column.names.length + 1;
  const groupOf = (row: number) => (column.codes[row]! < 0 ? groups - 1 : column.codes[row]!);
  const judged = new Uint32Array(groups);
  const held = new Uint32Array(groups);
  for (let row = 0; row < table.length; row++) {
    const counts = bucketOf(table, row, 0) === HOLD ? held : judged;
    counts[groupOf(row)]!++;
  }
  const scores = Array.from(judged, (count) => new Float64Array(count));
  const filled = new Uint32Array(groups);
  for (let row = 0; row < table.length; row++) {
    if (bucketOf(table, row, 0) === HOLD) continue;
    const group = groupOf(row);
    scores[group]![filled[group]!++] = table.score[row]!;
  }
  return scores.map((values, group) => ({ ascending: values.sort(), held: held[group]! }));
}

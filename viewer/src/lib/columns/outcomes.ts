/** Outcomes against labels: the words of the report's `outcome` column, re-derived at the slider's threshold. */
import { UNLABELED, bucketOf, countsAt, sortScoresBy, type BucketCounts, type SortedScores } from "./buckets";
import { nameAt, type ReportTable } from "./table";

export type Outcome = "kept-smoke" | "discarded-smoke" | "kept-fp" | "discarded-fp" | "n/a";
/** In the order of how much a reviewer should care: a discarded smoke is the costliest mistake. */
export const OUTCOMES: readonly Outcome[] = ["discarded-smoke", "kept-smoke", "kept-fp", "discarded-fp", "n/a"];

/** Unlabel is discarded; To Review and Hold are kept, for what nobody could judge is never discarded. */
export function outcomeOf(table: ReportTable, row: number, threshold: number): Outcome {
  const label = nameAt(table.label, row);
  if (label !== "smoke" && label !== "fp") return "n/a";
  return bucketOf(table, row, threshold) === UNLABELED ? `discarded-${label}` : `kept-${label}`;
}

export interface LabelScores {
  readonly smoke: SortedScores;
  readonly fp: SortedScores;
}

export function sortScoresByLabel(table: ReportTable): LabelScores {
  const none: SortedScores = { ascending: new Float64Array(), held: 0 };
  const groups = sortScoresBy(table, table.label);
  const of = (label: string) => groups[table.label.names.indexOf(label)] ?? none;
  return {
    smoke: table.label.names.includes("smoke") ? of("smoke") : none,
    fp: table.label.names.includes("fp") ? of("fp") : none,
  };
}

export interface Confusion {
  readonly smoke: BucketCounts;
  readonly fp: BucketCounts;
  /** Share of judged smoke that is kept; null without judged smoke. */
  readonly recall: number | null;
  /** Share of judged false positives that are discarded; null without any. */
  readonly discarded: number | null;
}

export function confusionAt(scores: LabelScores, threshold: number): Confusion {
  const smoke = countsAt(scores.smoke, threshold);
  const fp = countsAt(scores.fp, threshold);
  const share = (part: number, rest: number) => (part + rest === 0 ? null : part / (part + rest));
  return { smoke, fp, recall: share(smoke.review, smoke.unlabeled), discarded: share(fp.unlabeled, fp.review) };
}

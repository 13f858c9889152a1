/** How the buckets are called, drawn and explained, wherever they appear. The sign goes with the colour, never the colour alone. */
import type { Bucket } from "@/lib/columns/buckets";

export interface BucketLook {
  readonly name: string;
  readonly sign: string;
  readonly meaning: string;
}

export const BUCKET_LOOKS: Readonly<Record<Bucket, BucketLook>> = {
  review: { name: "To Review", sign: "▲", meaning: "Score at or above the threshold: a person should look." },
  unlabeled: { name: "Unlabel", sign: "▽", meaning: "Score below the threshold: nothing that looks like smoke." },
  hold: { name: "Hold", sign: "◆", meaning: "No score can be trusted: no threshold moves it." },
};

/** The model's words for hold reasons, in people's words; unknown ones are shown as they are. */
const HOLD_REASONS: Readonly<Record<string, string>> = {
  uncalibrated: "model has no calibrator",
  no_tube: "no tube kept",
  score_not_finite: "score is not a number",
  score_out_of_range: "score outside 0 to 1",
  no_score: "no score given",
  audit: "hidden, the audit shows it blind",
};

export const holdReason = (reason: string): string => HOLD_REASONS[reason] ?? reason.replaceAll("_", " ");

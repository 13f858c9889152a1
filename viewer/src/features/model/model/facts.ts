/** The model panel's lines: value and meaning of each setting. What the report does not say is left out, never guessed. */
import type { ModelPanel } from "@/lib/api/types";
import { threshold } from "@/lib/format";

export interface Fact {
  readonly name: string;
  readonly value: string;
  readonly meaning: string;
}

const SETTINGS: readonly (readonly [block: string, key: string, name: string, meaning: string])[] = [
  ["classifier", "backbone", "Backbone", "The image network that turns each crop into numbers."],
  ["classifier", "max_frames", "Frames at most", "Later input frames of a sequence are cut off before anything else."],
  ["infer", "pad_to_min_frames", "Padded to", "Shorter sequences are filled up to this many frames; 0 = never."],
  ["infer", "pad_strategy", "Padding", "symmetric repeats the first and last frame in turn; uniform stretches all of them."],
  ["tubes", "iou_threshold", "Same object from", "Overlap (IoU) at which boxes of two frames are linked into one tube."],
  ["tubes", "max_misses", "Misses bridged", "Frames without a box that a tube survives."],
  ["tubes", "infer_min_tube_length", "Shortest tube", "Tubes that span fewer frames are dropped."],
  ["tubes", "min_detected_entries", "Boxes at least", "Tubes with fewer observed boxes are dropped."],
  ["tubes", "interpolate_gaps", "Gaps filled", "Boxes of missed frames are interpolated between their neighbours."],
  ["tubes", "merge_iomin", "Merged from overlap", "Tubes that cover each other this much (IoMin) become one."],
  ["tubes", "merge_prox_factor", "Merged when near", "Or when their centres are closer than this times the larger side."],
  ["tubes", "merge_max_gap", "Merged across", "At most this many frames apart."],
  ["model_input", "stabilize", "Stabilized", "One fixed window per tube, so that the crop does not shake; else each frame has its own."],
  ["model_input", "patch_size", "Crop size", "Pixels on each side of what the network sees."],
];

export function modelFacts(model: ModelPanel): readonly Fact[] {
  const facts: Fact[] = [];
  const add = (name: string, value: unknown, meaning: string) => {
    if (typeof value === "boolean") facts.push({ name, value: value ? "yes" : "no", meaning });
    else if (typeof value === "string" || typeof value === "number") facts.push({ name, value: String(value), meaning });
  };
  add("Version", model.model_version, "The release of the package, or the commit it was trained at.");
  add("Variant", model.variant, "Which of the published variants it is.");
  add("Run’s threshold", threshold(model.threshold), "To Review at or above. The slider starts here.");
  add("Model’s own threshold", model.model_threshold, "What its makers chose for alarms, not for clearing a queue; not used for buckets.");
  add(
    "Aggregation",
    model.aggregation,
    model.aggregation === "max_logit"
      ? "The largest raw number (logit) of the kept tubes decides."
      : "A calibrator turns each tube’s logit, length, confidence and the number of tubes into a probability; the largest decides.",
  );
  add("Context", model.context_factor, "Crops show the tube’s window enlarged by this factor.");
  for (const [block, key, name, meaning] of SETTINGS) {
    const settings = model.config[block];
    if (typeof settings === "object" && settings !== null) add(name, (settings as Record<string, unknown>)[key], meaning);
  }
  return facts;
}

/** The lines of the detail's lists: everything known about a sequence, in people's words. What is not known is left out. */
import type { SequenceDetail } from "@/lib/api/types";
import * as format from "@/lib/format";

export type Fact = readonly [name: string, value: string];

export function metadata(detail: SequenceDetail): readonly Fact[] {
  const { row } = detail;
  const labels = [...detail.smoke_types, ...detail.false_positive_types];
  const facts: (readonly [string, string | number | null | undefined])[] = [
    ["Organization", row.organization_name],
    ["Camera", row.camera_name],
    ["Looks to", row.azimuth === null ? null : format.degrees(row.azimuth)],
    ["Position", detail.lat === null || detail.lon === null ? null : `${detail.lat.toFixed(4)}, ${detail.lon.toFixed(4)}`],
    ["Start, UTC", timeText(row.started_at)],
    ["Last, UTC", timeText(row.last_seen_at)],
    ["Label", row.label === "unknown" ? null : row.label === "fp" ? "false positive" : row.label],
    ["Labelled as", labels.length === 0 ? null : labels.join(", ").replaceAll("_", " ")],
    ["Sequence", row.key],
    ["Alert", row.platform_alert_id],
    ["Group", detail.sequence_group_id],
    ["Source", detail.source_api],
    ["Platform says", detail.temporal_model_score === null ? null : format.score(detail.temporal_model_score)],
    ["Model", row.model_version],
  ];
  return facts.flatMap(([name, value]) => (value === null || value === undefined || value === "" ? [] : [[name, String(value)] as const]));
}

export function verdict(detail: SequenceDetail): readonly Fact[] {
  const { row } = detail;
  const facts: (Fact | null)[] = [
    row.triage_score === null ? null : ["Probability", row.triage_score.toFixed(4)],
    row.score === null ? null : ["Logit", row.score.toFixed(3)],
    ["Tubes kept", detail.num_candidates === null ? format.plain(row.num_tubes_kept) : `${format.plain(row.num_tubes_kept)} of ${detail.num_candidates}`],
    detail.num_outside_roi ? ["Outside the region", String(detail.num_outside_roi)] : null,
    detail.padded_slots.length > 0 ? ["Padded", `${detail.frames.length} frames to ${detail.slots.length} slots`] : null,
    detail.num_truncated ? ["Cut off", `last ${format.counted(detail.num_truncated, "frame")} never seen by the model`] : null,
    ["First fired at", row.trigger_frame_index === null ? "never" : `slot ${row.trigger_frame_index}`],
  ];
  return facts.filter((fact) => fact !== null);
}

/** The decision rule in one sentence. */
export function rule(detail: SequenceDetail): string | null {
  if (detail.aggregation === null) return null;
  const own = detail.model_threshold === null ? "" : ` The model itself would fire at ${format.threshold(detail.model_threshold)}.`;
  return detail.aggregation === "logistic"
    ? `Score = the largest calibrated probability of the kept tubes.${own}`
    : `The largest logit of the kept tubes decides.${own}`;
}

const timeText = (iso: string | null): string | null => (iso === null ? null : format.time(Date.parse(iso), true));

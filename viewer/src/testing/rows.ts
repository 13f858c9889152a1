/** Hand-written rows for tests, through the same Arrow stream that the server sends. */
import { Float64, Int32, Int64, TimestampMillisecond, Utf8, Dictionary, Table, tableToIPC, vectorFromArray } from "apache-arrow";
import { decodeRows } from "@/lib/columns/decode";
import type { ReportTable } from "@/lib/columns/table";

export interface TestRow {
  id: number;
  score?: number | null;
  hold?: string | null;
  organization?: string | null;
  camera?: string | null;
  azimuth?: number | null;
  startedAt?: string | null;
  tubes?: number | null;
  frames?: number;
  trigger?: number | null;
  alert?: number | null;
  label?: "smoke" | "fp" | "unknown";
}

export function arrowOf(rows: readonly TestRow[]): Uint8Array {
  const names = (pick: (row: TestRow) => string | null | undefined) =>
    vectorFromArray(
      rows.map((row) => pick(row) ?? null),
      new Dictionary(new Utf8(), new Int32()),
    );
  const floats = (pick: (row: TestRow) => number | null | undefined) =>
    vectorFromArray(
      rows.map((row) => pick(row) ?? null),
      new Float64(),
    );
  const integers = (pick: (row: TestRow) => number | null | undefined) =>
    vectorFromArray(
      rows.map((row) => pick(row) ?? null),
      new Int32(),
    );
  const table = new Table({
    key: vectorFromArray(rows.map((row) => `pyro-annotator_${row.id}`), new Utf8()),
    sequence_id: vectorFromArray(rows.map((row) => BigInt(row.id)), new Int64()),
    triage_score: floats((row) => (row.hold == null ? row.score : null)),
    hold_reason: names((row) => row.hold ?? (row.score == null ? "no_tube" : null)),
    organization_name: names((row) => row.organization),
    camera_name: names((row) => row.camera),
    azimuth: floats((row) => row.azimuth),
    started_at: vectorFromArray(
      rows.map((row) => (row.startedAt == null ? null : Date.parse(row.startedAt))),
      new TimestampMillisecond(),
    ),
    num_tubes_kept: integers((row) => row.tubes),
    num_frames: integers((row) => row.frames ?? 4),
    trigger_frame_index: integers((row) => row.trigger),
    platform_alert_id: floats((row) => row.alert),
    label: names((row) => row.label ?? "unknown"),
  });
  return tableToIPC(table, "stream");
}

export const tableOf = (rows: readonly TestRow[]): ReportTable => decodeRows(arrowOf(rows));

/** Filters as an expression of the selection language (triage/review/where.py): what the server resolves, and what a person can type. */
import { BY_CAMERA, type Filters } from "@/lib/columns/filter";

const PLAIN = /^[\w.:/+-]+$/;
const WORDS = new Set(["and", "or", "not", "in", "is", "null"]);

/** A value as it is written: bare when it is a plain word, else in double quotes. */
export function quote(value: string): string {
  if (PLAIN.test(value) && !WORDS.has(value.toLowerCase())) return value;
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** The rows that these filters show; "all" when nothing is filtered. Buckets and outcomes follow the threshold sent beside it. */
export function whereOf(filters: Filters): string {
  const conditions: string[] = [];
  const oneOf = (field: string, values: readonly string[]) => {
    if (values.length === 1) conditions.push(`${field} = ${quote(values[0]!)}`);
    if (values.length > 1) conditions.push(`${field} in (${values.map(quote).join(", ")})`);
  };
  oneOf("bucket", filters.buckets);
  oneOf("organization", filters.organizations);
  oneOf("camera", filters.cameras);
  oneOf("hold_reason", filters.holdReasons);
  oneOf("outcome", filters.outcomes);
  if (filters.scoreMin !== null) conditions.push(`score >= ${filters.scoreMin}`);
  if (filters.scoreMax !== null) conditions.push(`score <= ${filters.scoreMax}`);
  if (filters.from !== null) conditions.push(`started_at >= ${filters.from}`);
  if (filters.to !== null) conditions.push(`started_at < ${dayAfter(filters.to)}`);
  if (filters.alert !== null) conditions.push(`alert = ${filters.alert}`);
  if (filters.said !== null) conditions.push(filters.said);
  if (filters.part !== null) conditions.push(partWhere(filters.part));
  if (filters.decided !== null) conditions.push(filters.decided ? "decided" : "not decided");
  for (const word of filters.text.split(/\s+/).filter(Boolean)) conditions.push(`text ~ ${quote(word)}`);
  return conditions.length === 0 ? "all" : conditions.join(" and ");
}

const partWhere = (part: string): string =>
  part.endsWith(BY_CAMERA) ? `camera_part = ${part.slice(0, -BY_CAMERA.length)}` : `part = ${part}`;

/** One sequence, or a few of a page. */
export const whereIds = (ids: readonly number[]): string =>
  ids.length === 1 ? `sequence_id = ${ids[0]!}` : `sequence_id in (${ids.join(", ")})`;

function dayAfter(day: string): string {
  return new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);
}

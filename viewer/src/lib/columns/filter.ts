/**
 * Filters: what a person narrows the rows by, as plain data that travels in the URL (`lib/url`), and the pass over the columns
 * that applies it to an order of rows.
 */
import { BUCKETS, bucketOf, type Bucket } from "./buckets";
import { codeMask, KEY_PREFIX, type DictColumn, type ReportTable, type Rows } from "./table";
import { outcomeOf, type Outcome } from "./outcomes";

/** Empty list, empty text or null = not filtered by that. All conditions must hold; values of one list are alternatives. */
export interface Filters {
  readonly buckets: readonly Bucket[];
  readonly organizations: readonly string[];
  readonly cameras: readonly string[];
  readonly holdReasons: readonly string[];
  readonly outcomes: readonly Outcome[];
  /** Inclusive, in [0, 1]; rows without a score never pass a bound. */
  readonly scoreMin: number | null;
  readonly scoreMax: number | null;
  /** Days in UTC, "2026-05-01", both inclusive; rows without a time never pass a bound. */
  readonly from: string | null;
  readonly to: string | null;
  /** By the annotator's alert id: the other lanes of one camera alert. */
  readonly alert: number | null;
  readonly decided: boolean | null;
  /** Rows that this reviewer has an opinion about, that reviewers disagree about, or that only others have an opinion about. */
  readonly said: Said | null;
  /** "2/5" = the second of five parts by hash of the sequence, "2/5 by camera" of its camera; for sharing a queue among people. */
  readonly part: string | null;
  /** Words that must all occur in key, organization, camera or hold reason; case does not matter. */
  readonly text: string;
}

export const NO_FILTERS: Filters = {
  buckets: [],
  organizations: [],
  cameras: [],
  holdReasons: [],
  outcomes: [],
  scoreMin: null,
  scoreMax: null,
  from: null,
  to: null,
  alert: null,
  decided: null,
  said: null,
  part: null,
  text: "",
};

const DAY = 86_400_000;

export const SAID = ["mine", "disagreement", "second_look"] as const;
export type Said = (typeof SAID)[number];

/** Row -> decided; what reviewers did, kept beside the report because it changes while the report does not. */
export type Decided = (row: number) => boolean;
export type SaidOf = (row: number, said: Said) => boolean;
const NOBODY: SaidOf = () => false;

/** The rows of `order` that pass, in that order. `threshold` matters to buckets and outcomes only. */
export function filterRows(table: ReportTable, filters: Filters, threshold: number, order: Rows, decided: Decided, saidOf: SaidOf = NOBODY): Rows {
  const mask = new Uint8Array(table.length).fill(1);
  const keep = (passes: (row: number) => boolean) => {
    for (let row = 0; row < mask.length; row++) if (mask[row] && !passes(row)) mask[row] = 0;
  };
  const keepNames = (column: DictColumn, names: readonly string[]) => {
    if (names.length === 0) return;
    const codes = codeMask(column, (name) => name !== null && names.includes(name));
    keep((row) => codes[column.codes[row]! + 1] === 1);
  };

  keepNames(table.organization, filters.organizations);
  keepNames(table.camera, filters.cameras);
  keepNames(table.holdReason, filters.holdReasons);
  const { scoreMin, scoreMax, from, to, alert } = filters;
  if (scoreMin !== null) keep((row) => table.score[row]! >= scoreMin);
  if (scoreMax !== null) keep((row) => table.score[row]! <= scoreMax);
  if (from !== null) {
    const start = Date.parse(from);
    keep((row) => table.startedAt[row]! >= start);
  }
  if (to !== null) {
    const end = Date.parse(to) + DAY;
    keep((row) => table.startedAt[row]! < end);
  }
  if (alert !== null) keep((row) => table.alert[row] === alert);
  if (filters.buckets.length > 0 && filters.buckets.length < BUCKETS.length) {
    const wanted = BUCKETS.map((bucket) => filters.buckets.includes(bucket));
    keep((row) => wanted[bucketOf(table, row, threshold)]!);
  }
  if (filters.outcomes.length > 0) keep((row) => filters.outcomes.includes(outcomeOf(table, row, threshold)));
  if (filters.decided !== null) keep((row) => decided(row) === filters.decided);
  const { said, part } = filters;
  if (said !== null) keep((row) => saidOf(row, said));
  if (part !== null) keep(inPart(table, part));
  for (const word of words(filters.text)) keep(matcher(table, word));

  const rows = new Uint32Array(order.length);
  let count = 0;
  for (const row of order) if (mask[row]) rows[count++] = row;
  return rows.subarray(0, count);
}

/** True when nothing is filtered. */
export function isUnfiltered(filters: Filters): boolean {
  return Object.values(filters).every((value) => value === null || value === "" || (Array.isArray(value) && value.length === 0));
}

export const BY_CAMERA = " by camera";

/** The same parts as the selection language: CRC-32 of the key or of the camera's name, modulo the number of parts. A malformed part is the whole. */
function inPart(table: ReportTable, part: string): (row: number) => boolean {
  const [wanted, parts] = part.replace(BY_CAMERA, "").split("/").map(Number);
  if (wanted === undefined || !parts) return () => true;
  const isIn = (text: string) => crc32(text) % parts === wanted - 1;
  if (!part.endsWith(BY_CAMERA)) return (row) => isIn(table.key(row));
  const mask = codeMask(table.camera, (name) => isIn(name ?? ""));
  return (row) => mask[table.camera.codes[row]! + 1] === 1;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

const UTF8 = new TextEncoder();

function crc32(text: string): number {
  let crc = 0xffffffff;
  for (const byte of UTF8.encode(text)) crc = CRC_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function words(text: string): string[] {
  return text
    .toLocaleLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
}

function matcher(table: ReportTable, word: string): (row: number) => boolean {
  const contains = (name: string | null) => name !== null && name.toLocaleLowerCase().includes(word);
  const columns = [table.organization, table.camera, table.holdReason].map((column) => ({
    codes: column.codes,
    mask: codeMask(column, contains),
  }));
  // The key is put together from the id, which is many times faster than decoding it; most words cannot be in a key at all.
  const anyKey = KEY_PREFIX.includes(word);
  const someKey = /^[a-z_-]*\d+$/.test(word);
  const inKey = (row: number) => anyKey || (someKey && (KEY_PREFIX + String(table.sequenceId[row])).includes(word));
  return (row) => columns.some(({ codes, mask }) => mask[codes[row]! + 1] === 1) || inKey(row);
}

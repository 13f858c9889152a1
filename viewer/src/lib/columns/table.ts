/**
 * ReportTable: the rows of one report as columns. Made once by `decode.ts`, read by every pure function beside this file.
 *
 * No row objects: numbers are typed arrays, names are codes into a dictionary. A row is its 0-based index in the report's order (by key).
 */

/** Names as codes: `names[codes[i]]` is row i's name; code -1 = null. */
export interface DictColumn {
  readonly codes: Int32Array;
  readonly names: readonly string[];
}

/** Numbers with null as NaN; times are milliseconds since 1970, UTC. */
export type NumberColumn = Float64Array;

/** A key is this and the sequence's id: the contract of every file, checked where they are written. */
export const KEY_PREFIX = "pyro-annotator_";

export interface ReportTable {
  readonly length: number;
  /** `pyro-annotator_<sequence_id>`: the join key. */
  readonly key: (row: number) => string;
  /** Row of a key; -1 = not in this report. */
  readonly rowOf: (key: string) => number;
  readonly sequenceId: NumberColumn;
  /** In [0, 1], higher = more like smoke; NaN = could not be judged. */
  readonly score: NumberColumn;
  /** Set exactly for rows that no threshold may move out of hold. */
  readonly holdReason: DictColumn;
  readonly organization: DictColumn;
  readonly camera: DictColumn;
  readonly azimuth: NumberColumn;
  readonly startedAt: NumberColumn;
  readonly tubes: NumberColumn;
  readonly frames: NumberColumn;
  /** 0-based frame of the first crossing; NaN = never. */
  readonly trigger: NumberColumn;
  /** NaN = the alert is not known. */
  readonly alert: NumberColumn;
  /** "smoke", "fp" or "unknown". */
  readonly label: DictColumn;
  /** True when at least one row carries smoke or fp: only then outcomes are shown. */
  readonly labelled: boolean;
}

/** Row indices in an order: what the table and the grid walk through. */
export type Rows = Uint32Array;

/** Codes of the names that pass `wanted`, as a lookup by code; -1 is asked as null. */
export function codeMask(column: DictColumn, wanted: (name: string | null) => boolean): Uint8Array {
  const mask = new Uint8Array(column.names.length + 1);
  mask[0] = wanted(null) ? 1 : 0;
  column.names.forEach((name, code) => {
    mask[code + 1] = wanted(name) ? 1 : 0;
  });
  return mask;
}

export function nameAt(column: DictColumn, row: number): string | null {
  return column.names[column.codes[row]!] ?? null;
}

/** NaN as null, for display. */
export function numberAt(column: NumberColumn, row: number): number | null {
  const value = column[row];
  return value === undefined || Number.isNaN(value) ? null : value;
}

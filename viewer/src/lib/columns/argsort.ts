/**
 * Stable orders of columns as row permutations. Numbers go through a radix sort of their bits: a comparator on 200,000 rows would
 * cost ten times as much and block the page.
 */
import type { DictColumn, NumberColumn, Rows } from "./table";

/** Rows by ascending (or descending) value; equal values keep their order; NaN comes last either way. */
export function orderByNumber(column: NumberColumn, descending: boolean): Rows {
  const length = column.length;
  const low = new Uint32Array(length);
  const high = new Uint32Array(length);
  const present = new Uint32Array(length);
  const missing: number[] = [];
  const words = new Uint32Array(2);
  const number = new Float64Array(words.buffer);
  let count = 0;
  for (let row = 0; row < length; row++) {
    const value = column[row]!;
    if (Number.isNaN(value)) {
      missing.push(row);
      continue;
    }
    number[0] = value + 0; // -0 becomes 0: they are equal
    // IEEE 754 doubles order as integers once negatives are inverted and the sign bit of the others is set.
    const flip = words[1]! >>> 31 ? 0xffffffff : 0;
    const invert = descending ? 0xffffffff : 0;
    low[row] = words[0]! ^ flip ^ invert;
    high[row] = words[1]! ^ (flip || 0x80000000) ^ invert;
    present[count++] = row;
  }
  const sorted = radix(high, radix(low, present.subarray(0, count)));
  const rows = new Uint32Array(length);
  rows.set(sorted);
  rows.set(missing, count);
  return rows;
}

/** `rows` in ascending order of their 32-bit words, stable; two passes of 16 bits. */
function radix(words: Uint32Array, rows: Uint32Array): Uint32Array {
  let from = rows;
  for (const shift of [0, 16]) {
    const starts = new Uint32Array(65537);
    for (const row of from) starts[((words[row]! >>> shift) & 0xffff) + 1]!++;
    for (let digit = 1; digit <= 65536; digit++) starts[digit]! += starts[digit - 1]!;
    const to = new Uint32Array(from.length);
    for (const row of from) to[starts[(words[row]! >>> shift) & 0xffff]!++] = row;
    from = to;
  }
  return from;
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/** Rows by the names' alphabetical order (numbers inside names by value); null comes last either way. */
export function orderByName(column: DictColumn, descending: boolean): Rows {
  const codes = column.names.map((_, code) => code).sort((a, b) => collator.compare(column.names[a]!, column.names[b]!));
  if (descending) codes.reverse();
  const rank = new Uint32Array(column.names.length);
  codes.forEach((code, position) => (rank[code] = position));
  return orderByCode(column.codes, (code) => (code < 0 ? rank.length : rank[code]!), rank.length + 1);
}

/** Counting sort: rows by `rankOf(code)`, which lies in 0..ranks-1; stable. */
export function orderByCode(codes: Int32Array | Uint8Array, rankOf: (code: number) => number, ranks: number): Rows {
  const starts = new Uint32Array(ranks + 1);
  for (const code of codes) starts[rankOf(code) + 1]!++;
  for (let rank = 1; rank <= ranks; rank++) starts[rank]! += starts[rank - 1]!;
  const rows = new Uint32Array(codes.length);
  for (let row = 0; row < codes.length; row++) rows[starts[rankOf(codes[row]!)]!++] = row;
  return rows;
}

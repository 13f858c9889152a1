/** An Arrow IPC stream of report rows -> ReportTable. The only file that knows the report's column names. */
import { DataType, tableFromIPC, TimeUnit, type Data, type Vector } from "apache-arrow";
import { orderByNumber } from "./argsort";
import { KEY_PREFIX, type DictColumn, type NumberColumn, type ReportTable, type Rows } from "./table";

export class BadRows extends Error {
  override readonly name = "BadRows";
}

export function decodeRows(bytes: ArrayBuffer | Uint8Array): ReportTable {
  const arrow = tableFromIPC(bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes);
  const length = arrow.numRows;
  const optional = (name: string) => arrow.getChild<string>(name);
  const required = (name: string) => {
    const column = optional(name);
    if (column === null) throw new BadRows(`rows.arrow has no column "${name}"; it has: ${arrow.schema.names.join(", ")}`);
    return column;
  };
  const number = (name: string) => toNumbers(optional(name), length);
  const names = (name: string) => toNames(optional(name), length);

  const keys = required("key");
  const score = toNumbers(required("triage_score"), length);
  const label = names("label");
  const sequenceId = toNumbers(required("sequence_id"), length);
  let ascending: Rows | null = null;
  return {
    length,
    key: (row) => keys.get(row) as string,
    // A binary search over the ids instead of a map of keys: 200,000 strings would weigh more than all columns together.
    rowOf: (key) => {
      const id = idOf(key);
      ascending ??= orderByNumber(sequenceId, false);
      let [low, high] = [0, length];
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (sequenceId[ascending[middle]!]! < id) low = middle + 1;
        else high = middle;
      }
      const row = ascending[low];
      return row !== undefined && sequenceId[row] === id && keys.get(row) === key ? row : -1;
    },
    sequenceId,
    score,
    holdReason: names("hold_reason"),
    organization: names("organization_name"),
    camera: names("camera_name"),
    azimuth: number("azimuth"),
    startedAt: number("started_at"),
    tubes: number("num_tubes_kept"),
    frames: number("num_frames"),
    trigger: number("trigger_frame_index"),
    alert: number("platform_alert_id"),
    label,
    labelled: label.names.some((name) => name === "smoke" || name === "fp"),
  };
}

/** NaN for what is no key of ours. */
const idOf = (key: string): number => (key.startsWith(KEY_PREFIX) ? Number(key.slice(KEY_PREFIX.length)) : NaN);

const MILLISECONDS = {
  [TimeUnit.SECOND]: 1000,
  [TimeUnit.MILLISECOND]: 1,
  [TimeUnit.MICROSECOND]: 1e-3,
  [TimeUnit.NANOSECOND]: 1e-6,
};

function toNumbers(column: Vector | null, length: number): NumberColumn {
  const numbers = new Float64Array(length).fill(NaN);
  if (column === null) return numbers;
  let at = 0;
  for (const chunk of column.data as readonly Data[]) {
    const factor = DataType.isTimestamp(chunk.type) ? MILLISECONDS[chunk.type.unit] : 1;
    const values = chunk.values as ArrayLike<number | bigint>;
    for (let index = 0; index < chunk.length; index++, at++) {
      if (isValid(chunk, index)) numbers[at] = Number(values[index]) * factor;
    }
  }
  return numbers;
}

function toNames(column: Vector | null, length: number): DictColumn {
  const codes = new Int32Array(length).fill(-1);
  const codeOf = new Map<string, number>();
  const code = (name: string) => {
    const known = codeOf.get(name);
    if (known !== undefined) return known;
    codeOf.set(name, codeOf.size);
    return codeOf.size - 1;
  };
  if (column !== null && DataType.isDictionary(column.type)) {
    let at = 0;
    for (const chunk of column.data as readonly Data[]) {
      // Batches may bring their own dictionaries; one name gets one code over all of them.
      const translate = Int32Array.from(chunk.dictionary ?? [], (name: unknown) => (typeof name === "string" ? code(name) : -1));
      const values = chunk.values as ArrayLike<number | bigint>;
      for (let index = 0; index < chunk.length; index++, at++) {
        if (isValid(chunk, index)) codes[at] = translate[Number(values[index])]!;
      }
    }
  } else if (column !== null) {
    for (let row = 0; row < length; row++) {
      const name: unknown = column.get(row);
      if (typeof name === "string") codes[row] = code(name);
    }
  }
  return { codes, names: [...codeOf.keys()] };
}

function isValid(chunk: Data, index: number): boolean {
  if (chunk.nullCount === 0) return true;
  const bit = chunk.offset + index;
  return ((chunk.nullBitmap[bit >> 3]! >> (bit & 7)) & 1) === 1;
}

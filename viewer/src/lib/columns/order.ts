/** Sort orders of the table: one cached permutation per column and direction, so that a filter never sorts again. */
import { orderByCode, orderByName, orderByNumber } from "./argsort";
import { bucketOf } from "./buckets";
import { outcomeOf, OUTCOMES } from "./outcomes";
import type { ReportTable, Rows } from "./table";

export const SORT_COLUMNS = [
  "key", "organization", "camera", "azimuth", "time", "score", "bucket", "tubes", "frames", "trigger", "outcome", "decision",
] as const;
export type SortColumn = (typeof SORT_COLUMNS)[number];

export interface Sort {
  readonly column: SortColumn;
  readonly descending: boolean;
}

export const DEFAULT_SORT: Sort = { column: "score", descending: true };

/** Decision codes by row (0 = undecided), for sorting; null when nothing was decided. */
export type DecisionCodes = Uint8Array | null;

/** Orders of one table. Bucket, outcome and decision follow the threshold or the reviewers and are counted afresh: O(rows). */
export class Orders {
  readonly #cache = new Map<string, Rows>();

  constructor(readonly table: ReportTable) {}

  rows(sort: Sort, threshold: number, decisions: DecisionCodes): Rows {
    const { table } = this;
    const { column, descending } = sort;
    switch (column) {
      case "bucket":
        return this.#byRank(3, descending, (row) => bucketOf(table, row, threshold));
      case "outcome":
        return this.#byRank(OUTCOMES.length + 1, descending, (row) => {
          const index = OUTCOMES.indexOf(outcomeOf(table, row, threshold));
          return index < 0 ? OUTCOMES.length : index;
        });
      case "decision":
        return this.#byRank(256, descending, (row) => decisions?.[row] ?? 0);
      default: {
        const name = `${column}-${descending}`;
        const rows = this.#cache.get(name) ?? this.#sorted(column, descending);
        this.#cache.set(name, rows);
        return rows;
      }
    }
  }

  #sorted(column: Exclude<SortColumn, "bucket" | "outcome" | "decision">, descending: boolean): Rows {
    const { table } = this;
    switch (column) {
      case "organization":
        return orderByName(table.organization, descending);
      case "camera":
        return orderByName(table.camera, descending);
      case "key":
        return orderByNumber(table.sequenceId, descending);
      case "time":
        return orderByNumber(table.startedAt, descending);
      default:
        return orderByNumber(table[column], descending);
    }
  }

  #byRank(ranks: number, descending: boolean, rankOf: (row: number) => number): Rows {
    const codes = new Uint8Array(this.table.length);
    for (let row = 0; row < codes.length; row++) codes[row] = rankOf(row);
    return orderByCode(codes, (code) => (descending ? ranks - 1 - code : code), ranks);
  }
}

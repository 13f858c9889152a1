/** Sweep: a page of tiles, each pre-marked with the proposed decision; a person marks the exceptions and accepts the rest. Pure. */
import { BUCKETS, bucketOf } from "@/lib/columns/buckets";
import type { ReportTable, Rows } from "@/lib/columns/table";
import { isDone, type Decisions } from "@/lib/review/decisions";

/** By row: what a person said of a tile of this page; null = an exception, nothing is decided about it. */
export type Marks = ReadonlyMap<number, string | null>;

/** The first `size` rows of the list that are neither done nor put aside in this session. */
export function nextPage(rows: Rows, decisions: Decisions | null, aside: ReadonlySet<number>, size: number): readonly number[] {
  const page: number[] = [];
  for (const row of rows) {
    if (page.length === size) break;
    if (!isDone(decisions, row) && !aside.has(row)) page.push(row);
  }
  return page;
}

/** By row of the page: true = its picture was drawn, false = there is none. Rows that are not in it still wait for theirs. */
export type Shown = ReadonlyMap<number, boolean>;

/** How many tiles fit whole: what nobody has in sight is not accepted. */
export const fitting = (height: number, lanes: number, rowHeight: number): number => lanes * Math.max(1, Math.floor(height / rowHeight));

/**
 * What Space would decide about a tile; null = nothing. Only what the model would discard anyway is pre-marked: a sequence of To Review or
 * Hold is never decided by a key that meant the others.
 */
export function proposed(table: ReportTable, row: number, threshold: number, words: string, marks: Marks): string | null {
  const mark = marks.get(row);
  if (mark !== undefined) return mark;
  return BUCKETS[bucketOf(table, row, threshold)] === "unlabeled" ? words : null;
}

/**
 * The page as decisions: words -> rows; the rows that are put aside; and those whose picture has not arrived, which stay for the next
 * page. Nobody can have judged what was not drawn: a tile without a picture is put aside unless a person marked it.
 */
export function outcomeOf(
  table: ReportTable,
  page: readonly number[],
  threshold: number,
  words: string,
  marks: Marks,
  shown: Shown,
): { decided: ReadonlyMap<string, readonly number[]>; aside: readonly number[]; waiting: readonly number[] } {
  const decided = new Map<string, number[]>();
  const aside: number[] = [];
  const waiting: number[] = [];
  for (const row of page) {
    const said = proposed(table, row, threshold, words, marks);
    const drawn = shown.get(row);
    if (drawn === undefined && !marks.has(row)) waiting.push(row);
    else if (said === null || (drawn === false && !marks.has(row))) aside.push(row);
    else decided.set(said, [...(decided.get(said) ?? []), row]);
  }
  return { decided, aside, waiting };
}

/** A tile's mark turned round: what was proposed becomes an exception, an exception what is proposed. */
export function toggled(marks: Marks, row: number, shown: string | null, words: string): Marks {
  return new Map(marks).set(row, shown === null ? words : null);
}

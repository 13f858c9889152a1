/** Which rows around the open one are worth having: the next three, and the previous that one goes back to. */
import type { Rows } from "@/lib/columns/table";
import { positionOf } from "@/lib/report/selection";

export const AHEAD = 3;

export function neighbourhood(rows: Rows, row: number): { readonly next: readonly number[]; readonly previous: readonly number[] } {
  const position = positionOf(rows, row);
  if (position < 0) return { next: [], previous: [] };
  return {
    next: [...rows.subarray(position + 1, position + 1 + AHEAD)],
    previous: position > 0 ? [rows[position - 1]!] : [],
  };
}

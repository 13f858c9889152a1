/** The rows a person is looking at (filtered, ordered) and the marked one among them. Table, grid and detail share it. */
import { createContext, use, useDeferredValue, useMemo } from "react";
import { filterRows, type Filters } from "@/lib/columns/filter";
import type { Sort } from "@/lib/columns/order";
import type { Rows } from "@/lib/columns/table";
import { isDecided, saidOf, sortCodes } from "@/lib/review/decisions";
import { useViewPart } from "@/lib/view/store";
import type { Report } from "./report";

export interface Selection {
  /** Filtered at a threshold that is a moment behind the slider. */
  readonly rows: Rows;
  /** Row (of the report) that the keys act on; -1 = none. */
  readonly marked: number;
  readonly mark: (row: number) => void;
  /** Rows that a bulk decision leaves out. */
  readonly leftOut: ReadonlySet<number>;
  readonly clearLeftOut: () => void;
}

const SelectionContext = createContext<Selection | null>(null);
export const SelectionProvider = SelectionContext.Provider;

export function useSelection(): Selection {
  const selection = use(SelectionContext);
  if (selection === null) throw new Error("SelectionProvider is missing above this component");
  return selection;
}

/** The slider's threshold: the person's, else the run's own. Follows every input event. */
export function useThreshold(report: Report): number {
  return useViewPart((view) => view.threshold).part ?? report.summary.threshold;
}

/**
 * The filtered and ordered rows. A filter or another order is drawn at once, in the frame of its click; the slider goes ahead of them, since
 * its next event comes before they are drawn. While nothing that is asked for depends on the threshold they stay the same rows, and nothing
 * is drawn again.
 */
export function useRows(report: Report): Rows {
  const filters = useViewPart((view) => view.filters).part;
  const sort = useViewPart((view) => view.sort).part;
  const threshold = useDeferredValue(useThreshold(report));
  const relevant = needsThreshold(filters, sort) ? threshold : report.summary.threshold;
  return useMemo(() => {
    const { decisions } = report;
    const codes = decisions === null || sort.column !== "decision" ? null : sortCodes(decisions);
    const order = report.orders.rows(sort, relevant, codes);
    return filterRows(report.table, filters, relevant, order, (row) => isDecided(decisions, row), (row, said) => saidOf(decisions, row, said));
  }, [report, filters, sort, relevant]);
}

const needsThreshold = (filters: Filters, sort: Sort): boolean =>
  filters.buckets.length > 0 || filters.outcomes.length > 0 || sort.column === "bucket" || sort.column === "outcome";

/** Position of `row` in `rows`; -1 = not among them. */
export const positionOf = (rows: Rows, row: number): number => rows.indexOf(row);

/**
 * The row `step` places after `row`, kept within the ends; when `row` is no longer among them (a filter hid it), the first.
 * -1 when there are none.
 */
export function stepFrom(rows: Rows, row: number, step: number): number {
  if (rows.length === 0) return -1;
  const position = positionOf(rows, row);
  if (position < 0) return rows[0]!;
  return rows[Math.max(0, Math.min(rows.length - 1, position + step))]!;
}

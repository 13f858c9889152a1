/** The rows a person is looking at (filtered, ordered) and the marked one among them. Table, grid and detail share it. */
import { createContext, use, useDeferredValue, useMemo } from "react";
import { filterRows } from "@/lib/columns/filter";
import type { Rows } from "@/lib/columns/table";
import { useView } from "@/lib/view/store";
import type { Report } from "./report";

export interface Selection {
  readonly rows: Rows;
  /** The threshold that `rows` follow; a moment behind the slider. */
  readonly threshold: number;
  /** Row (of the report) that the keys act on; -1 = none. */
  readonly marked: number;
  readonly mark: (row: number) => void;
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
  return useView().view.threshold ?? report.summary.threshold;
}

/** The filtered and ordered rows, computed behind the slider and the search so that neither waits for them. */
export function useRows(report: Report): { rows: Rows; threshold: number } {
  const { view } = useView();
  const threshold = useDeferredValue(useThreshold(report));
  const filters = useDeferredValue(view.filters);
  const { sort } = view;
  const rows = useMemo(() => {
    const { decisions } = report;
    const order = report.orders.rows(sort, threshold, decisions);
    return filterRows(report.table, filters, threshold, order, (row) => (decisions?.[row] ?? 0) > 0);
  }, [report, filters, sort, threshold]);
  return { rows, threshold };
}

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

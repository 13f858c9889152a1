/** The virtual table: only the rows in sight exist. One tab stop; the keys of the list move its marked row. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useDeferredValue, useEffect, useMemo, useRef } from "react";
import { Empty } from "@/components/ui/States";
import { Button } from "@/components/ui/Button";
import { bucketOf } from "@/lib/columns/buckets";
import { NO_FILTERS } from "@/lib/columns/filter";
import { outcomeOf } from "@/lib/columns/outcomes";
import { useReport } from "@/lib/report/report";
import { positionOf, useSelection, useThreshold } from "@/lib/report/selection";
import { useViewPart } from "@/lib/view/store";
import { columnsOf, layoutOf, nextSort } from "../model/columns";
import { TableRow } from "./TableRow";
import styles from "./SequenceTable.module.css";

const ROW_HEIGHT = 34;

export function SequenceTable() {
  const report = useReport();
  const { rows, marked, mark } = useSelection();
  const threshold = useDeferredValue(useThreshold(report));
  const { part: sort, adjust, go } = useViewPart((view) => view.sort);
  const scroller = useRef<HTMLDivElement>(null);
  const hidden = useViewPart((view) => view.hidden).part;
  const columns = useMemo(() => columnsOf(report, hidden), [report, hidden]);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 8,
    // The header is sticky inside the scroller and covers one row's height.
    scrollPaddingStart: ROW_HEIGHT,
    paddingStart: ROW_HEIGHT,
  });
  const position = positionOf(rows, marked);
  useEffect(() => {
    if (position >= 0) virtual.scrollToIndex(position, { align: "auto" });
  }, [position, virtual]);
  const open = useCallback(
    (row: number) => {
      mark(row);
      go({ open: report.table.key(row) });
    },
    [go, mark, report],
  );
  const { tracks, least } = useMemo(() => layoutOf(columns), [columns]);
  return (
    <div
      ref={scroller}
      className={styles.scroller}
      role="grid"
      aria-label="Sequences"
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length}
      aria-activedescendant={position >= 0 ? `row-${marked}` : undefined}
      tabIndex={0}
    >
      <div className={styles.sheet} style={{ height: Math.max(virtual.getTotalSize(), ROW_HEIGHT), minWidth: least }}>
        <div className={styles.header} role="row" aria-rowindex={1} style={{ gridTemplateColumns: tracks }}>
          {columns.map((column) => {
            const sorted = sort.column === column.id ? (sort.descending ? "descending" : "ascending") : "none";
            return (
              <div key={column.id} role="columnheader" aria-sort={sorted} className={column.numeric ? styles.numeric : undefined}>
                <button type="button" title={column.help} onClick={() => adjust({ sort: nextSort(sort, column) })}>
                  {column.title}
                  <span aria-hidden="true">{sorted === "none" ? "" : sorted === "descending" ? "↓" : "↑"}</span>
                </button>
              </div>
            );
          })}
        </div>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const row = rows[index]!;
          return (
            // By place, not by row: another order or filter then changes texts instead of making every row anew.
            <TableRow
              key={index}
              report={report}
              row={row}
              index={index}
              start={start}
              bucket={bucketOf(report.table, row, threshold)}
              outcome={outcomeOf(report.table, row, threshold)}
              columns={columns}
              template={tracks}
              marked={row === marked}
              onOpen={open}
            />
          );
        })}
      </div>
      {rows.length === 0 && (
        <div className={styles.empty}>
          {report.table.length === 0 ? (
            <Empty title="This report has no sequences">
              <p>Pull some with `triage pull`, then run `triage score`.</p>
            </Empty>
          ) : (
            <Empty title="No sequence passes these filters">
              <Button onClick={() => go({ filters: NO_FILTERS })}>Clear all filters</Button>
            </Empty>
          )}
        </div>
      )}
    </div>
  );
}

import { memo } from "react";
import { BucketBadge } from "@/components/ui/BucketBadge";
import { holdReason } from "@/lib/buckets";
import { BUCKETS } from "@/lib/columns/buckets";
import type { Outcome } from "@/lib/columns/outcomes";
import { nameAt, numberAt } from "@/lib/columns/table";
import * as format from "@/lib/format";
import type { Report } from "@/lib/report/report";
import { wordsAt } from "@/lib/review/decisions";
import type { Column } from "../model/columns";
import styles from "./SequenceTable.module.css";

interface Props {
  report: Report;
  row: number;
  /** 0-based position in the table. */
  index: number;
  /** Pixels from the top. */
  start: number;
  /** At the slider's threshold; given, so that a row is drawn again only when they change. */
  bucket: number;
  outcome: Outcome;
  columns: readonly Column[];
  template: string;
  marked: boolean;
  onOpen: (row: number) => void;
}

/** The keyboard reaches a row through the grid (Enter opens the marked one), so the row itself is no tab stop. */
export const TableRow = memo(function TableRow({ report, row, index, start, bucket, outcome, columns, template, marked, onOpen }: Props) {
  return (
    <div
      id={`row-${row}`}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={marked}
      tabIndex={-1}
      className={styles.row}
      style={{ transform: `translateY(${start}px)`, gridTemplateColumns: template }}
      onClick={() => onOpen(row)}
      onKeyDown={(event) => {
        if (event.key === "Enter") onOpen(row);
      }}
    >
      {columns.map((column) => (
        <div key={column.id} role="gridcell" className={column.numeric ? styles.numeric : undefined}>
          <Cell report={report} row={row} column={column} bucket={bucket} outcome={outcome} />
        </div>
      ))}
    </div>
  );
});

function Cell({ report, row, column, bucket, outcome }: Pick<Props, "report" | "row" | "bucket" | "outcome"> & { column: Column }) {
  const { table } = report;
  switch (column.id) {
    case "key":
      return <span title={table.key(row)}>{format.plain(numberAt(table.sequenceId, row))}</span>;
    case "organization":
    case "camera":
      return <Name name={nameAt(table[column.id], row)} />;
    case "bucket": {
      const reason = nameAt(table.holdReason, row);
      return <BucketBadge bucket={BUCKETS[bucket]!} title={reason === null ? undefined : `Hold: ${holdReason(reason)}`} />;
    }
    case "outcome":
      return <span className={outcome === "discarded-smoke" ? styles.bad : undefined}>{outcome.replace("-", " ")}</span>;
    case "decision":
      return wordsAt(report.decisions, row)?.replaceAll("_", " ") ?? "–";
    case "score":
      return format.score(numberAt(table.score, row));
    case "azimuth":
      return format.degrees(numberAt(table.azimuth, row));
    case "time":
      return format.time(numberAt(table.startedAt, row));
    default:
      return format.plain(numberAt(table[column.id], row));
  }
}

function Name({ name }: { name: string | null }) {
  return name === null ? (
    "–"
  ) : (
    <span className={styles.name} dir="auto" title={name}>
      {name}
    </span>
  );
}

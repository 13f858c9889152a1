import { memo } from "react";
import { BUCKET_LOOKS } from "@/lib/buckets";
import type { Bucket } from "@/lib/columns/buckets";
import { nameAt, numberAt } from "@/lib/columns/table";
import * as format from "@/lib/format";
import type { Report } from "@/lib/report/report";
import { wordsAt } from "@/lib/review/decisions";
import type { Ticker } from "@/lib/ticker";
import { LoopingStrip } from "./LoopingStrip";
import styles from "./Tile.module.css";

interface Props {
  report: Report;
  row: number;
  /** Side of the picture as drawn, pixels. */
  side: number;
  /** Side of the picture as asked for, pixels. */
  size: number;
  bucket: Bucket;
  marked: boolean;
  /** null = paused. */
  ticker: Ticker | null;
  onOpen: (row: number) => void;
}

export const Tile = memo(function Tile({ report, row, side, size, bucket, marked, ticker, onOpen }: Props) {
  const { table } = report;
  const look = BUCKET_LOOKS[bucket];
  const camera = nameAt(table.camera, row) ?? "no camera";
  const said = wordsAt(report.decisions, row);
  const score = format.score(numberAt(table.score, row));
  const time = format.time(numberAt(table.startedAt, row));
  return (
    <div role="listitem">
      <button
        type="button"
        className={`${styles.tile} ${styles[bucket]}`}
        aria-current={marked ? "true" : undefined}
        aria-label={`Sequence ${table.sequenceId[row]}, ${look.name}, score ${score}, ${camera}, ${time}`}
        onClick={() => onOpen(row)}
      >
        <LoopingStrip report={report.summary} sequenceKey={table.key(row)} side={side} size={size} ticker={ticker} />
        <span className={styles.badge} aria-hidden="true">
          {look.sign} {score}
        </span>
        {said !== null && <span className={styles.decided}>{said.replaceAll("_", " ")}</span>}
        <span className={styles.foot} aria-hidden="true">
          <span className={styles.camera} dir="auto" title={camera}>
            {camera}
          </span>
          <span className={styles.time}>{time}</span>
        </span>
      </button>
    </div>
  );
});

import { memo } from "react";
import type { ReportRef } from "@/lib/data/dataSource";
import type { Ticker } from "@/lib/ticker";
import { LoopingStrip } from "./LoopingStrip";
import styles from "./SweepGrid.module.css";

interface Props {
  report: ReportRef;
  row: number;
  sequenceKey: string;
  sequenceId: number;
  /** What Space would decide; null = nothing, it is put aside. */
  said: string | null;
  marked: boolean;
  /** Side of the picture as drawn, and as asked for, pixels. */
  side: number;
  picture: number;
  ticker: Ticker;
  onPress: (row: number) => void;
  onShown: (sequenceKey: string, drawn: boolean) => void;
}

/** One tile of a page that is swept; drawn again only when something about it changes. */
export const SweepTile = memo(function SweepTile({ report, row, sequenceKey, sequenceId, said, marked, side, picture, ticker, onPress, onShown }: Props) {
  const label = said ?? "put aside";
  return (
    <div role="listitem">
      <button
        type="button"
        className={said === null ? `${styles.tile} ${styles.exception}` : styles.tile}
        aria-current={marked ? "true" : undefined}
        aria-label={`Sequence ${sequenceId}: ${label}`}
        onClick={() => onPress(row)}
      >
        <LoopingStrip report={report} sequenceKey={sequenceKey} side={side} size={picture} ticker={ticker} onShown={onShown} />
        <span className={styles.said}>{said === null ? `✕ ${label}` : `✓ ${label}`}</span>
      </button>
    </div>
  );
});

/** The rows as tiles that loop the decisive tube's crops. Virtual: only the tiles in sight (and one row around) exist. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useDeferredValue, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { Button } from "@/components/ui/Button";
import { Empty } from "@/components/ui/States";
import { BUCKETS, bucketOf } from "@/lib/columns/buckets";
import { NO_FILTERS } from "@/lib/columns/filter";
import { useKeys } from "@/lib/keys/useKeys";
import { useReport } from "@/lib/report/report";
import { positionOf, stepFrom, useSelection, useThreshold } from "@/lib/report/selection";
import { Ticker } from "@/lib/ticker";
import { useStoredNumber } from "@/lib/useStoredNumber";
import { useViewPart } from "@/lib/view/store";
import { GAP, lanesOf, pictureSize } from "../model/lanes";
import { useWidth } from "../model/useWidth";
import styles from "./SequenceGrid.module.css";
import { Tile } from "./Tile";

const STEP_MS = 280;

export function SequenceGrid() {
  const report = useReport();
  const { rows, marked, mark } = useSelection();
  const threshold = useDeferredValue(useThreshold(report));
  const { part: openKey, go } = useViewPart((view) => view.open);
  const [wanted, setWanted] = useStoredNumber("tile", 190);
  const [playing, setPlaying] = useState(() => !window.matchMedia("(prefers-reduced-motion: reduce)").matches);
  const scroller = useRef<HTMLDivElement>(null);
  const width = useWidth(scroller);
  const lanes = lanesOf(width, wanted);
  const ticker = useMemo(() => new Ticker(STEP_MS), []);
  const virtual = useVirtualizer({
    count: Math.ceil(rows.length / lanes.count),
    getScrollElement: () => scroller.current,
    estimateSize: () => lanes.rowHeight,
    overscan: 1,
    scrollPaddingEnd: GAP,
  });
  useLayoutEffect(() => virtual.measure(), [virtual, lanes.rowHeight]);
  const position = positionOf(rows, marked);
  const line = position < 0 ? -1 : Math.floor(position / lanes.count);
  useEffect(() => {
    if (line >= 0) virtual.scrollToIndex(line, { align: "auto" });
  }, [line, virtual]);

  const step = (by: number) => mark(stepFrom(rows, marked, by));
  useKeys(
    {
      down: () => step(lanes.count),
      up: () => step(-lanes.count),
      left: () => step(-1),
      right: () => step(1),
      play: () => setPlaying(!playing),
    },
    openKey === null,
  );
  const open = useCallback(
    (row: number) => {
      mark(row);
      go({ open: report.table.key(row) });
    },
    [go, mark, report],
  );
  const size = pictureSize(lanes.side, window.devicePixelRatio);
  return (
    <div className={styles.grid}>
      <div className={styles.controls}>
        <Button onClick={() => setPlaying(!playing)} aria-label={playing ? "Pause all tiles" : "Play all tiles"}>
          {playing ? "❚❚ Pause" : "▶ Play"}
        </Button>
        <label className={styles.size}>
          Tile size
          <input type="range" min={110} max={420} step={10} value={wanted} onChange={(event) => setWanted(Number(event.target.value))} />
        </label>
      </div>
      <div ref={scroller} className={styles.scroller} role="list" aria-label="Sequences" tabIndex={-1}>
        <div className={styles.sheet} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map(({ index, start }) => (
            <div
              key={index}
              className={styles.lane}
              style={{ transform: `translateY(${start}px)`, gridTemplateColumns: `repeat(${lanes.count}, ${lanes.side}px)` }}
            >
              {Array.from(rows.subarray(index * lanes.count, (index + 1) * lanes.count), (row) => (
                <Tile
                  key={row}
                  report={report}
                  row={row}
                  side={lanes.side}
                  size={size}
                  bucket={BUCKETS[bucketOf(report.table, row, threshold)]!}
                  marked={row === marked}
                  ticker={playing && openKey === null ? ticker : null}
                  onOpen={open}
                />
              ))}
            </div>
          ))}
        </div>
        {rows.length === 0 && (
          <Empty title={report.table.length === 0 ? "This report has no sequences" : "No sequence passes these filters"}>
            {report.table.length > 0 && <Button onClick={() => go({ filters: NO_FILTERS })}>Clear all filters</Button>}
          </Empty>
        )}
      </div>
    </div>
  );
}

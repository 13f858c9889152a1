/** Sweep mode: a page of looping tiles; keys mark the exceptions, Space accepts the rest with one event for each decision. */
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Button } from "@/components/ui/Button";
import { DecisionSelect } from "@/components/ui/DecisionSelect";
import { Empty } from "@/components/ui/States";
import { count } from "@/lib/format";
import { useKeys } from "@/lib/keys/useKeys";
import { useReport } from "@/lib/report/report";
import { useSelection, useThreshold } from "@/lib/report/selection";
import type { Desk } from "@/lib/review/desk";
import { useDecisionKeys } from "@/lib/review/useDecisionKeys";
import { labelOf } from "@/lib/review/vocabulary";
import { Ticker } from "@/lib/ticker";
import { useStoredNumber } from "@/lib/useStoredNumber";
import { GAP, lanesOf, pictureSize } from "../model/lanes";
import { fitting, nextPage, outcomeOf, proposed, toggled, type Marks, type Shown } from "../model/sweep";
import { useHeight, useWidth } from "../model/useWidth";
import { LoopingStrip } from "./LoopingStrip";
import styles from "./SweepGrid.module.css";

const STEP_MS = 280;
const SIZES = [12, 24, 48, 96];
/** Height of what stands below a picture, pixels. */
const LINE = 34;

export function SweepGrid({ desk }: { desk: Desk }) {
  const report = useReport();
  const { table } = report;
  const { rows } = useSelection();
  const threshold = useThreshold(report);
  const [size, setSize] = useStoredNumber("sweep-size", 24);
  const [tile, setTile] = useStoredNumber("sweep-tile", 150);
  const [words, setWords] = useState("unlabeled");
  const [aside, setAside] = useState<ReadonlySet<number>>(new Set());
  const [marks, setMarks] = useState<Marks>(new Map());
  const [place, setPlace] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);
  const lanes = lanesOf(useWidth(scroller), tile);
  const ticker = useMemo(() => new Ticker(STEP_MS), []);
  const height = useHeight(scroller);
  const most = Math.min(size, fitting(height, lanes.count, lanes.side + LINE + GAP));
  const [shown, setShown] = useState<Shown>(new Map());
  const page = useMemo(() => nextPage(rows, desk.decisions, aside, most), [rows, desk.decisions, aside, most]);
  const at = Math.min(place, Math.max(0, page.length - 1));
  const marked = page[at] ?? -1;
  const { decided, aside: exceptions, waiting } = outcomeOf(table, page, threshold, words, marks, shown);
  const total = page.length - exceptions.length - waiting.length;

  const accept = useCallback(() => {
    if (page.length === 0) return;
    const { decided: said, aside: left } = outcomeOf(table, page, threshold, words, marks, shown);
    setAside((known) => new Set([...known, ...left]));
    setMarks(new Map());
    setPlace(0);
    for (const [decision, about] of said) void desk.decideRows(about, decision);
  }, [desk, marks, page, shown, table, threshold, words]);
  const toggle = (row: number) => setMarks(toggled(marks, row, proposed(table, row, threshold, words, marks), words));
  useDecisionKeys(desk, true, (decision) => {
    if (marked < 0) return;
    setMarks(new Map(marks).set(marked, decision === "none" ? null : decision));
    setPlace(Math.min(page.length - 1, at + 1));
  });
  useKeys({
    play: accept,
    open: () => marked >= 0 && (toggle(marked), true),
    left: () => setPlace(Math.max(0, at - 1)),
    right: () => setPlace(Math.min(page.length - 1, at + 1)),
    up: () => setPlace(Math.max(0, at - lanes.count)),
    down: () => setPlace(Math.min(page.length - 1, at + lanes.count)),
  });
  // A focused button would keep Space and Enter to itself.
  useEffect(() => scroller.current?.focus(), []);
  useEffect(() => {
    scroller.current?.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
  }, [marked]);

  const picture = pictureSize(lanes.side, window.devicePixelRatio);
  return (
    <div className={styles.sweep}>
      <div className={styles.controls}>
        <span>
          Proposed: <DecisionSelect keys={desk.keys} value={words} onChange={setWords} />
        </span>
        <label>
          Tiles{" "}
          <select value={size} onChange={(event) => setSize(Number(event.target.value))}>
            {SIZES.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <label className={styles.tileSize}>
          Size <input type="range" min={100} max={320} step={10} value={tile} onChange={(event) => setTile(Number(event.target.value))} />
        </label>
        <span className={styles.space} />
        <p role="status" className={styles.told}>
          {page.length === 0
            ? "nothing left"
            : [...decided].map(([decision, about]) => `${count(about.length)} ${labelOf(desk.keys, decision)}`).join(", ") || "nothing decided"}
          {exceptions.length > 0 && `, ${count(exceptions.length)} put aside`}
          {waiting.length > 0 && `, ${count(waiting.length)} not drawn yet`}
        </p>
        <Button kind="primary" disabled={total + exceptions.length === 0} onClick={accept} title="Accept ( Space )">
          Accept {count(total)} (Space)
        </Button>
      </div>
      <div ref={scroller} className={styles.page} tabIndex={-1} role="list" aria-label="Page of sequences">
        <div className={styles.tiles} style={{ gridTemplateColumns: `repeat(${lanes.count}, ${lanes.side}px)`, gap: GAP }}>
          {page.map((row) => {
            const wanted = proposed(table, row, threshold, words, marks);
            const said = shown.get(row) === false && !marks.has(row) ? null : wanted;
            const label = said === null ? "put aside" : labelOf(desk.keys, said);
            return (
              <div key={row} role="listitem">
                <button
                  type="button"
                  className={said === null ? `${styles.tile} ${styles.exception}` : styles.tile}
                  aria-current={row === marked ? "true" : undefined}
                  aria-label={`Sequence ${table.sequenceId[row]}: ${label}`}
                  onClick={() => {
                    scroller.current?.focus();
                    setPlace(page.indexOf(row));
                    toggle(row);
                  }}
                >
                  <LoopingStrip
                    report={report.summary}
                    sequenceKey={table.key(row)}
                    side={lanes.side}
                    size={picture}
                    ticker={ticker}
                    onShown={(drawn) => setShown((known) => new Map(known).set(row, drawn))}
                  />
                  <span className={styles.said}>{said === null ? `✕ ${label}` : `✓ ${label}`}</span>
                </button>
              </div>
            );
          })}
        </div>
        {page.length === 0 && (
          <Empty title={aside.size > 0 ? `Done: ${count(aside.size)} put aside wait for a closer look` : "Everything in this filter is decided"}>
            {aside.size > 0 && <Button onClick={() => setAside(new Set())}>Show them again</Button>}
          </Empty>
        )}
      </div>
    </div>
  );
}

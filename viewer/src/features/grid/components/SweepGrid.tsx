/** Sweep mode: a page of looping tiles; keys mark the exceptions, Space accepts the rest with one event for each decision. */
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Button } from "@/components/ui/Button";
import { DecisionSelect } from "@/components/ui/DecisionSelect";
import { Empty } from "@/components/ui/States";
import { useDataSource } from "@/lib/data/dataSource";
import { count } from "@/lib/format";
import { useKeys } from "@/lib/keys/useKeys";
import { useReport } from "@/lib/report/report";
import { useSelection, useThreshold } from "@/lib/report/selection";
import type { Desk } from "@/lib/review/desk";
import { useDecisionKeys } from "@/lib/review/useDecisionKeys";
import { labelOf, withType } from "@/lib/review/vocabulary";
import { Ticker } from "@/lib/ticker";
import { useStoredNumber } from "@/lib/useStoredNumber";
import { GAP, lanesOf, pictureSize } from "../model/lanes";
import { fitting, nextPage, outcomeOf, proposed, toggled, type Marks, type Shown } from "../model/sweep";
import { useHeight, useWidth } from "../model/useWidth";
import { SweepTile } from "./SweepTile";
import styles from "./SweepGrid.module.css";

const STEP_MS = 280;
const SIZES = [12, 24, 48, 96];
/** Height of what stands below a picture, pixels. */
const LINE = 34;
const NOTHING_SHOWN: Shown = new Map();

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
  const picture = pictureSize(lanes.side, window.devicePixelRatio);
  const source = useDataSource();
  const height = useHeight(scroller);
  const most = Math.min(size, fitting(height, lanes.count, lanes.side + LINE + GAP));
  const [shown, setShown] = useState<Shown>(NOTHING_SHOWN);
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
    setShown(NOTHING_SHOWN);
    setPlace(0);
    for (const [decision, about] of said) void desk.decideRows(about, decision);
  }, [desk, marks, page, shown, table, threshold, words]);
  const noteShown = useCallback(
    (key: string, drawn: boolean) => setShown((known) => new Map(known).set(table.rowOf(key), drawn)),
    [table],
  );
  const toggle = (row: number) => setMarks(toggled(marks, row, proposed(table, row, threshold, words, marks), words));
  useDecisionKeys(desk, true, (decision, more) => {
    if (marked < 0) return;
    if (more) {
      setMarks(new Map(marks).set(marked, withType(desk.keys, marks.get(marked) ?? null, decision)));
      return;
    }
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
  // The same function for all time, so that a mark draws one tile again and not all of them.
  const latest = useRef({ page, toggle });
  useEffect(() => {
    latest.current = { page, toggle };
  });
  const press = useCallback((row: number) => {
    scroller.current?.focus();
    setPlace(latest.current.page.indexOf(row));
    latest.current.toggle(row);
  }, []);
  // While a person looks at this page, the pictures of the next one arrive.
  const drawn = page.length > 0 && waiting.length === 0;
  useEffect(() => {
    if (!drawn) return;
    const here = new Set([...aside, ...page]);
    for (const row of nextPage(rows, desk.decisions, here, most)) new Image().src = source.stripUrl(report.summary, table.key(row), picture);
  }, [drawn, page, aside, rows, desk.decisions, most, source, report.summary, table, picture]);
  // A focused button would keep Space and Enter to itself.
  useEffect(() => scroller.current?.focus(), []);
  useEffect(() => {
    scroller.current?.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
  }, [marked]);

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
        <p role="status" className={styles.told} data-sweep>
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
            return (
              <SweepTile
                key={row}
                report={report.summary}
                row={row}
                sequenceKey={table.key(row)}
                sequenceId={table.sequenceId[row]!}
                said={said === null ? null : labelOf(desk.keys, said)}
                marked={row === marked}
                side={lanes.side}
                picture={picture}
                ticker={ticker}
                onPress={press}
                onShown={noteShown}
              />
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

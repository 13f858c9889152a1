/** The report at work: overview, filters, the rows as table or grid, the open sequence. Owns the mark and the keys of the list. */
import { useCallback, useMemo, useState } from "react";
import { DecisionBar } from "@/features/decide/components/DecisionBar";
import { FilterBar } from "@/features/filters/components/FilterBar";
import { SequenceGrid } from "@/features/grid/components/SequenceGrid";
import { SweepGrid } from "@/features/grid/components/SweepGrid";
import { BucketCards } from "@/features/overview/components/BucketCards";
import { Explainer } from "@/features/overview/components/Explainer";
import { Organizations } from "@/features/overview/components/Organizations";
import { Outcomes } from "@/features/overview/components/Outcomes";
import { SequencePane } from "@/features/sequence/components/SequencePane";
import { useFrameCache } from "@/features/sequence/model/useFrames";
import { useHeadStart } from "@/features/sequence/model/useOpening";
import { ColumnsMenu } from "@/features/table/components/ColumnsMenu";
import { SequenceTable } from "@/features/table/components/SequenceTable";
import { ThresholdPanel } from "@/features/threshold/components/ThresholdPanel";
import { useKeys } from "@/lib/keys/useKeys";
import { useReport } from "@/lib/report/report";
import { SelectionProvider, stepFrom, useRows } from "@/lib/report/selection";
import { wordsAt } from "@/lib/review/decisions";
import { useDesk } from "@/lib/review/desk";
import { useDecisionKeys } from "@/lib/review/useDecisionKeys";
import { withType } from "@/lib/review/vocabulary";
import { useViewPart } from "@/lib/view/store";
import { AuditDesk } from "./AuditDesk";
import { Shell } from "./Shell";
import styles from "./Workplace.module.css";

const PAGE = 15;
// Made once: they listen for what they show, and are not drawn again whenever the rows or the mark are others.
const SIDE = (
  <>
    <BucketCards />
    <Explainer />
    <ThresholdPanel />
    <Outcomes />
    <Organizations />
  </>
);
const FILTERS = <FilterBar />;
const FILTERS_AND_COLUMNS = (
  <FilterBar>
    <ColumnsMenu />
  </FilterBar>
);
const NOTHING: ReadonlySet<number> = new Set();

export function Workplace({ top }: { top: React.ReactNode }) {
  const report = useReport();
  const { part: openKey, adjust, go } = useViewPart((view) => view.open);
  const mode = useViewPart((view) => view.mode).part;
  const rows = useRows(report);
  const frames = useFrameCache();
  useHeadStart(frames);
  const [lastMarked, setLastMarked] = useState(-1);
  // What is open is marked, wherever it was opened from: the list, a link, Back.
  const opened = openKey === null ? -1 : report.table.rowOf(openKey);
  if (opened >= 0 && opened !== lastMarked) setLastMarked(opened);
  const marked = opened >= 0 ? opened : lastMarked;

  const mark = useCallback((row: number) => setLastMarked(row), []);
  const desk = useDesk();
  const [leftOut, setLeftOut] = useState<ReadonlySet<number>>(NOTHING);
  const clearLeftOut = useCallback(() => setLeftOut(NOTHING), []);
  const selection = useMemo(() => {
    // What a filter hides is left out anyway.
    const inSight = leftOut.size === 0 ? leftOut : new Set(rows.filter((row) => leftOut.has(row)));
    return { rows, marked, mark, leftOut: inSight, clearLeftOut };
  }, [rows, marked, mark, leftOut, clearLeftOut]);
  const listed = mode === "table" || mode === "grid";
  useDecisionKeys(listed ? desk : null, desk?.keysOn === true, (words, more) => {
    if (desk === null || marked < 0) return;
    if (more) {
      // One type more: stay, there may be another.
      const mine = desk.decisions.mine[marked] === 1 ? wordsAt(desk.decisions, marked) : null;
      void desk.decideRows([marked], withType(desk.keys, mine, words));
      return;
    }
    // Where to go is known before the filter may hide what was decided.
    const next = stepFrom(rows, marked, 1);
    void desk.decideRows([marked], words);
    if (next === marked) return;
    if (openKey === null) mark(next);
    else adjust({ open: report.table.key(next) });
  });
  const move = (step: number) => {
    const row = stepFrom(rows, marked, step);
    if (row < 0) return;
    if (openKey === null) mark(row);
    else adjust({ open: report.table.key(row) });
  };
  const handlers = {
    next: () => move(1),
    previous: () => move(-1),
    // In the grid they move by rows of tiles: that is the grid's business.
    down: () => (mode === "table" || openKey !== null ? move(1) : false),
    up: () => (mode === "table" || openKey !== null ? move(-1) : false),
    pageDown: () => move(PAGE),
    pageUp: () => move(-PAGE),
    letters: () => desk !== null && (desk.setKeysOn(!desk.keysOn), true),
    leaveOut: () => {
      if (marked < 0) return false;
      const next = new Set(leftOut);
      if (!next.delete(marked)) next.add(marked);
      setLeftOut(next);
      return true;
    },
    first: () => move(-rows.length),
    last: () => move(rows.length),
    open: () => marked >= 0 && openKey === null && (go({ open: report.table.key(marked) }), true),
    close: () => openKey !== null && (go({ open: null }), true),
  };
  // Sweep and audit have lists of their own.
  useKeys(handlers, listed);
  if (mode === "audit" && desk !== null) return <Shell top={top} main={<AuditDesk desk={desk} />} />;
  return (
    <SelectionProvider value={selection}>
      <Shell
        top={top}
        side={SIDE}
        main={
          <>
            {mode === "table" ? FILTERS_AND_COLUMNS : FILTERS}
            <div className={styles.rows}>
              {mode === "sweep" && desk !== null ? <SweepGrid desk={desk} /> : mode === "grid" ? <SequenceGrid /> : <SequenceTable />}
            </div>
          </>
        }
        detail={openKey !== null && <SequencePane sequenceKey={openKey} cache={frames} />}
        foot={desk !== null && <DecisionBar desk={desk} />}
      />
    </SelectionProvider>
  );
}

/** The cut: slider, histogram under it, sweep table. Cards and histogram follow every event; the rows follow when there is time. */
import { useCallback } from "react";
import { Button } from "@/components/ui/Button";
import { Panel } from "@/components/ui/Panel";
import { nearestSweepRow } from "@/lib/columns/sweep";
import { threshold as formatThreshold } from "@/lib/format";
import { useReport } from "@/lib/report/report";
import { useThreshold } from "@/lib/report/selection";
import { useViewPart } from "@/lib/view/store";
import { Histogram } from "./Histogram";
import { Sweep } from "./Sweep";
import styles from "./ThresholdPanel.module.css";

export function ThresholdPanel() {
  const report = useReport();
  const { part: chosen, adjust } = useViewPart((view) => view.threshold);
  const threshold = useThreshold(report);
  const own = report.summary.threshold;
  const set = useCallback((value: number) => adjust({ threshold: value === own ? null : value }), [adjust, own]);
  return (
    <Panel
      title="Threshold"
      aside={
        <span className={styles.aside}>
          <Button kind="quiet" disabled={chosen === null} onClick={() => adjust({ threshold: null })}>
            Reset to {formatThreshold(own)}
          </Button>
          <output className={styles.value}>{formatThreshold(threshold)}</output>
        </span>
      }
    >
      <input
        type="range"
        className={styles.slider}
        aria-label="Threshold"
        aria-valuetext={`To Review at ${formatThreshold(threshold)} or above`}
        min={0}
        max={1}
        step={0.005}
        value={threshold}
        onChange={(event) => set(Number(event.target.value))}
      />
      <Histogram scores={report.scores} threshold={threshold} own={own} />
      <Sweep scores={report.scores} labels={report.scoresByLabel} nearest={nearestSweepRow(threshold)} onChoose={set} />
    </Panel>
  );
}

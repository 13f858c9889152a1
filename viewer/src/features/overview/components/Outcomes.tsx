/** Against labels: the confusion counts at the slider's threshold. Not drawn at all when the report has no labels. */
import { Panel } from "@/components/ui/Panel";
import { confusionAt, type Outcome } from "@/lib/columns/outcomes";
import { count, share } from "@/lib/format";
import { useReport } from "@/lib/report/report";
import { useThreshold } from "@/lib/report/selection";
import { useViewPart } from "@/lib/view/store";
import { toggled } from "../model/toggle";
import styles from "./Outcomes.module.css";

export function Outcomes() {
  const report = useReport();
  const threshold = useThreshold(report);
  const { part: filters, go } = useViewPart((view) => view.filters);
  if (report.scoresByLabel === null) return null;
  const { smoke, fp } = confusionAt(report.scoresByLabel, threshold);
  const choose = (outcome: Outcome) => go({ filters: { ...filters, outcomes: toggled(filters.outcomes, outcome) } });
  const cell = (outcome: Outcome, value: number, held: number, className = "") => (
    <td>
      <button
        type="button"
        className={`${styles.cell} ${className}`}
        aria-pressed={filters.outcomes.includes(outcome)}
        aria-label={`${count(value)} ${outcome.replace("-", " ")}${held > 0 ? `, ${count(held)} of them held` : ""}`}
        onClick={() => choose(outcome)}
      >
        {count(value)}
        {held > 0 && <small>{count(held)} held</small>}
      </button>
    </td>
  );
  return (
    <Panel title="Against labels">
      <table className={styles.table}>
        <thead>
          <tr>
            <td />
            <th scope="col">Kept</th>
            <th scope="col">Discarded</th>
            <th scope="col">Right</th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">Smoke</th>
            {cell("kept-smoke", smoke.review + smoke.hold, smoke.hold)}
            {cell("discarded-smoke", smoke.unlabeled, 0, smoke.unlabeled > 0 ? styles.bad : "")}
            <td>{share(smoke.review + smoke.hold, smoke.total)}</td>
          </tr>
          <tr>
            <th scope="row">False positive</th>
            {cell("kept-fp", fp.review + fp.hold, fp.hold)}
            {cell("discarded-fp", fp.unlabeled, 0)}
            <td>{share(fp.unlabeled, fp.total)}</td>
          </tr>
        </tbody>
      </table>
    </Panel>
  );
}

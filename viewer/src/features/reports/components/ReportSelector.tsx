import { count } from "@/lib/format";
import type { ReportSummary } from "@/lib/api/types";
import { useViewPart } from "@/lib/view/store";
import styles from "./ReportSelector.module.css";

/** Which report: one per model version and variant. A sequence or camera filter of one means nothing in another, so both are left. */
export function ReportSelector({ reports, current }: { reports: readonly ReportSummary[]; current: ReportSummary | null }) {
  const { part: filters, go } = useViewPart((view) => view.filters);
  if (reports.length === 0) return null;
  const open = (variant: string) =>
    go({ report: variant === reports[0]?.variant ? null : variant, open: null, threshold: null, filters: { ...filters, cameras: [] } });
  return (
    <label className={styles.selector}>
      <span className={styles.label}>Report</span>
      <select value={current?.variant ?? ""} onChange={(event) => open(event.target.value)}>
        {current === null && <option value="">Choose a report</option>}
        {reports.map((report) => (
          <option key={report.variant} value={report.variant}>
            {report.variant} · {count(report.num_rows)} sequences{report.is_latest ? " · latest" : ""}
          </option>
        ))}
      </select>
    </label>
  );
}

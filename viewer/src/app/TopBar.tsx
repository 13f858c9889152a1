import { useState } from "react";
import { Button } from "@/components/ui/Button";
import { HelpSheet } from "@/features/help/components/HelpSheet";
import { SchemeButton } from "@/features/help/components/SchemeButton";
import { ModelButton } from "@/features/model/components/ModelButton";
import { ReportSelector } from "@/features/reports/components/ReportSelector";
import type { ReportSummary } from "@/lib/api/types";
import { useKeys } from "@/lib/keys/useKeys";
import { useReviewSource } from "@/lib/review/reviewSource";
import { useViewPart } from "@/lib/view/store";
import { MODES, type Mode } from "@/lib/view/view";
import styles from "./TopBar.module.css";

export function TopBar({ reports, current }: { reports: readonly ReportSummary[]; current: ReportSummary | null }) {
  const { part: mode, go, adjust } = useViewPart((view) => view.mode);
  // Without decisions there is nothing to sweep and nothing to audit.
  const modes = useReviewSource() === null ? MODES.filter((each) => each === "table" || each === "grid") : MODES;
  const [help, setHelp] = useState(false);
  useKeys({
    help: () => setHelp(true),
    grid: () => go({ mode: mode === "grid" ? "table" : "grid", open: null }),
    reset: () => adjust({ threshold: null }),
  });
  // To sweep is to accept what the model would discard: unless somebody asks for another bucket, that is what is shown.
  const enter = (next: Mode) =>
    go((view) => {
      const filters = next === "sweep" && view.filters.buckets.length === 0 ? { ...view.filters, buckets: ["unlabeled" as const] } : view.filters;
      return { mode: next, open: null, filters };
    });
  return (
    <div className={styles.bar}>
      <h1 className={styles.name}>triage</h1>
      <ReportSelector reports={reports} current={current} />
      {current !== null && <ModelButton report={current} />}
      <span className={styles.space} />
      <div className={styles.modes} role="group" aria-label="Mode">
        {modes.map((each) => (
          <Button key={each} pressed={mode === each} onClick={() => enter(each)}>
            {each.charAt(0).toUpperCase() + each.slice(1)}
          </Button>
        ))}
      </div>
      <SchemeButton />
      <Button aria-label="Keys and help" title="Keys and help ( ? )" onClick={() => setHelp(true)}>
        ?
      </Button>
      {help && <HelpSheet onClose={() => setHelp(false)} />}
    </div>
  );
}

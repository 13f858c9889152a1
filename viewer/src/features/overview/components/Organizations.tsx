import { useState } from "react";
import { BucketBar } from "@/components/ui/BucketBar";
import { Button } from "@/components/ui/Button";
import { Panel } from "@/components/ui/Panel";
import { count } from "@/lib/format";
import { useReport } from "@/lib/report/report";
import { useThreshold } from "@/lib/report/selection";
import { useViewPart } from "@/lib/view/store";
import { organizationLines } from "../model/organizations";
import { toggled } from "../model/toggle";
import styles from "./Organizations.module.css";

const SHOWN = 12;

/** Every organization with its buckets; a line filters by it. */
export function Organizations() {
  const report = useReport();
  const { part: filters, go } = useViewPart((view) => view.filters);
  const [all, setAll] = useState(false);
  const lines = organizationLines(report, useThreshold(report));
  const chosen = filters.organizations;
  const choose = (name: string) => go({ filters: { ...filters, organizations: toggled(chosen, name) } });
  return (
    <Panel title="Organizations" aside={<span className={styles.number}>{count(lines.length)}</span>}>
      <ul>
        {lines.slice(0, all ? undefined : SHOWN).map(({ name, counts }) => (
          <li key={name ?? ""}>
            <button
              type="button"
              className={styles.line}
              aria-pressed={name !== null && chosen.includes(name)}
              aria-label={`${name ?? "No organization"}: ${count(counts.review)} to review of ${count(counts.total)}`}
              disabled={name === null}
              onClick={() => name !== null && choose(name)}
            >
              <span className={styles.name} dir="auto" title={name ?? undefined}>
                {name ?? "No organization"}
              </span>
              <span className={styles.counts}>
                <span className={styles.review}>{count(counts.review)}</span>
                / {count(counts.total)}
              </span>
              <BucketBar counts={counts} />
            </button>
          </li>
        ))}
      </ul>
      {lines.length > SHOWN && (
        <Button kind="quiet" onClick={() => setAll(!all)}>
          {all ? "Show fewer" : `Show all ${count(lines.length)}`}
        </Button>
      )}
    </Panel>
  );
}

/** The verdict, when somebody asks for it: asking notes the look, so it is never asked for by itself. */
import { useState } from "react";
import { Button } from "@/components/ui/Button";
import { useReport } from "@/lib/report/report";
import type { Desk } from "@/lib/review/desk";
import type { Verdict } from "@/lib/review/reviewSource";
import styles from "./AuditDesk.module.css";

export function AuditVerdict({ desk, again }: { desk: Desk; again: () => Promise<void> }) {
  const { summary } = useReport();
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [refused, setRefused] = useState<string | null>(null);
  const ask = async () => {
    try {
      setVerdict(await desk.source.reportAudit(summary));
      setRefused(null);
    } catch (error) {
      setRefused(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <>
      <Button onClick={() => void ask()}>Report</Button>
      <p>
        This notes the look in the audit&apos;s ledger, as <code>triage audit report</code> does.
      </p>
      {refused !== null && (
        <p role="alert" className={styles.bad}>
          {refused}
        </p>
      )}
      {verdict !== null && (
        <section aria-label="Verdict" className={styles.verdict}>
          {verdict.text}
          {/* A second look has a worklist of its own, hits have neighbours. */}
          <p>
            <Button onClick={() => void again()}>Go on</Button>
          </p>
        </section>
      )}
    </>
  );
}

import { useState } from "react";
import { Button } from "@/components/ui/Button";
import { Dialog } from "@/components/ui/Dialog";
import { Failed, Loading } from "@/components/ui/States";
import type { ReportRef } from "@/lib/data/dataSource";
import { useModel } from "@/lib/data/queries";
import { modelFacts } from "../model/facts";
import styles from "./ModelButton.module.css";

/** Opens what scored the report: each setting with its value and what it means. */
export function ModelButton({ report }: { report: ReportRef }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button onClick={() => setOpen(true)}>Model</Button>
      {open && (
        <Dialog title="The model behind the scores" onClose={() => setOpen(false)}>
          <ModelPanel report={report} />
        </Dialog>
      )}
    </>
  );
}

function ModelPanel({ report }: { report: ReportRef }) {
  const model = useModel(report);
  if (model.isPending) return <Loading what="the model’s settings" />;
  if (model.isError) return <Failed what="the model’s settings" error={model.error} onRetry={() => void model.refetch()} />;
  return (
    <dl className={styles.facts}>
      {modelFacts(model.data).map(({ name, value, meaning }) => (
        <div key={name} title={meaning}>
          <dt>{name}</dt>
          <dd className={styles.value}>{value}</dd>
          <dd className={styles.meaning}>{meaning}</dd>
        </div>
      ))}
    </dl>
  );
}

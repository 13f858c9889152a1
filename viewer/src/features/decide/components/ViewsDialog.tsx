/** Saved views: filters, order, columns and mode under a name, given to people whole or in parts. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/components/ui/Button";
import { Dialog } from "@/components/ui/Dialog";
import { Failed } from "@/components/ui/States";
import { BY_CAMERA } from "@/lib/columns/filter";
import type { Desk } from "@/lib/review/desk";
import type { DeskInfo } from "@/lib/review/reviewSource";
import { whereOf } from "@/lib/review/where";
import { useView } from "@/lib/view/store";
import { formatView, parseView } from "@/lib/view/view";
import styles from "./BulkDialog.module.css";

type Assignment = DeskInfo["assignments"][number];

const partOf = (part: string, by: Assignment["by"]): string => part + (by === "camera" ? BY_CAMERA : "");

export function ViewsDialog({ desk, onClose }: { desk: Desk; onClose: () => void }) {
  const { view, go } = useView();
  const [name, setName] = useState("");
  const [to, setTo] = useState("");
  const [part, setPart] = useState("");
  const [by, setBy] = useState<"sequence" | "camera">("sequence");
  const [problem, setProblem] = useState<unknown>(null);
  const info = useQuery({ queryKey: ["desk"], queryFn: ({ signal }) => desk.source.desk(signal) });
  const run = (action: Promise<unknown>) => {
    setProblem(null);
    action.then(() => info.refetch()).catch((error: unknown) => setProblem(error));
  };
  const open = (address: unknown, given: Assignment | null) => {
    const saved = parseView(typeof address === "string" ? address : "");
    const parts = given === null || given.part === null ? saved.filters.part : partOf(given.part, given.by);
    go({ ...saved, report: view.report, open: null, filters: { ...saved.filters, part: parts } });
    onClose();
  };
  const assignments = info.data?.assignments ?? [];
  return (
    <Dialog title="Views" onClose={onClose}>
      {problem !== null && <Failed what="the change" error={problem} />}
      <ul className={styles.list}>
        {(info.data?.views ?? []).map((saved) => (
          <li key={saved.name}>
            <bdi className={styles.grow}>
              <strong>{saved.name}</strong> <code>{typeof saved.view.where === "string" ? saved.view.where : ""}</code>
            </bdi>
            {typeof saved.view.address === "string" ? (
              <Button onClick={() => open(saved.view.address, null)}>Open</Button>
            ) : (
              <code>triage decide --view {saved.name}</code>
            )}
            {assignments
              .filter((given) => given.view === saved.name && typeof saved.view.address === "string")
              .map((given) => (
                <Button key={`${given.to}-${given.part ?? ""}-${given.by}`} kind="chip" onClick={() => open(saved.view.address, given)}>
                  <bdi>{given.to}</bdi> {given.part === null ? "all" : partOf(given.part, given.by)}
                </Button>
              ))}
          </li>
        ))}
      </ul>
      {info.data?.views.length === 0 && <p>No view is saved yet.</p>}
      <form
        className={styles.buttons}
        onSubmit={(event) => {
          event.preventDefault();
          const address = formatView({ ...view, open: null, report: null });
          run(desk.source.saveView(name, { address, where: whereOf(view.filters), threshold: view.threshold }));
        }}
      >
        <input type="text" aria-label="Name of the view" placeholder="Name of what you see now" value={name} onChange={(event) => setName(event.target.value)} />
        <Button type="submit" disabled={name.trim() === ""}>
          Save this view
        </Button>
      </form>
      <form
        className={styles.buttons}
        onSubmit={(event) => {
          event.preventDefault();
          run(desk.source.assign(name, to, part.trim() === "" ? null : part.trim(), by));
        }}
      >
        <input type="text" aria-label="Reviewer" placeholder="Reviewer" value={to} onChange={(event) => setTo(event.target.value)} />
        <input type="text" aria-label="Part" placeholder="Part, as 2/5 (empty = all)" value={part} onChange={(event) => setPart(event.target.value)} />
        <select aria-label="Parts by" value={by} onChange={(event) => setBy(event.target.value as typeof by)}>
          <option value="sequence">by sequence</option>
          <option value="camera">by camera</option>
        </select>
        <Button type="submit" disabled={to.trim() === "" || name.trim() === ""}>
          Give it to them
        </Button>
      </form>
    </Dialog>
  );
}

/** The newest decisions of everybody; each can be taken back or brought back, also by somebody else's hand. Snapshots show the past. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/components/ui/Button";
import { Dialog } from "@/components/ui/Dialog";
import { Failed, Loading } from "@/components/ui/States";
import { counted, time } from "@/lib/format";
import type { Desk } from "@/lib/review/desk";
import { labelOf } from "@/lib/review/vocabulary";
import styles from "./BulkDialog.module.css";

export function HistoryDialog({ desk, onClose }: { desk: Desk; onClose: () => void }) {
  const [name, setName] = useState("");
  const history = useQuery({ queryKey: ["history"], queryFn: ({ signal }) => desk.source.history(signal), gcTime: 0 });
  const info = useQuery({ queryKey: ["desk"], queryFn: ({ signal }) => desk.source.desk(signal) });
  const again = () => void Promise.all([history.refetch(), info.refetch()]);
  const events = (history.data ?? []).filter((event) => event.kind === "decide");
  return (
    <Dialog title="History" onClose={onClose}>
      {history.isPending && <Loading what="the history" />}
      {history.isError && <Failed what="the history" error={history.error} onRetry={again} />}
      {history.isSuccess && events.length === 0 && <p>Nothing was decided yet.</p>}
      <ul className={styles.list}>
        {events.map((event) => (
          <li key={event.event}>
            <span className={`${styles.grow} ${event.undone ? styles.undone : ""}`}>
              <bdi>{event.reviewer}</bdi>: {counted(event.count, "sequence", "sequences")} as{" "}
              {desk.decisions.blind && event.reviewer !== desk.reviewer ? "(hidden in a second look)" : labelOf(desk.keys, event.words ?? "")}
              {event.count > 1 && (
                <>
                  {" "}
                  where <code>{event.where}</code>
                </>
              )}
              , {time(Date.parse(event.at), true)} UTC
            </span>
            <Button onClick={() => void (event.undone ? desk.redo(event.event) : desk.undo(event.event)).then(again)}>
              {event.undone ? "Redo" : "Undo"}
            </Button>
          </li>
        ))}
      </ul>
      <h3>Snapshots</h3>
      <ul className={styles.list}>
        {(info.data?.snapshots ?? []).map((snapshot) => (
          <li key={snapshot.name}>
            <bdi className={styles.grow}>{snapshot.name}</bdi>
            <Button
              onClick={() => {
                desk.setPast(snapshot.name);
                onClose();
              }}
            >
              Show
            </Button>
          </li>
        ))}
      </ul>
      <form
        className={styles.buttons}
        onSubmit={(event) => {
          event.preventDefault();
          void desk.source.snapshot(name).then(() => {
            setName("");
            again();
          });
        }}
      >
        <input type="text" aria-label="Name of the snapshot" placeholder="Name this moment" value={name} onChange={(event) => setName(event.target.value)} />
        <Button type="submit" disabled={name.trim() === ""}>
          Take a snapshot
        </Button>
      </form>
    </Dialog>
  );
}

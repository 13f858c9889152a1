import { Dialog } from "@/components/ui/Dialog";
import type { Desk } from "@/lib/review/desk";
import styles from "./BulkDialog.module.css";

/** Every decision and its key; a key given to another decision leaves the first one. F, digits of the page and moving keys are free to take. */
export function KeyDialog({ desk, onClose }: { desk: Desk; onClose: () => void }) {
  return (
    <Dialog title="Decision keys" onClose={onClose}>
      <ul className={styles.list}>
        {desk.keys.map((entry) => (
          <li key={entry.words}>
            <label className={styles.grow} htmlFor={`key-${entry.words}`}>
              {entry.label}
            </label>
            <input
              id={`key-${entry.words}`}
              type="text"
              size={2}
              maxLength={1}
              value={entry.key}
              onChange={(event) => {
                const key = event.target.value.toLowerCase();
                if (key !== "f" && key !== " ") desk.remap(entry.words, key);
              }}
            />
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

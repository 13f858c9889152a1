/** A modal dialog over the browser's own <dialog>: focus stays inside, Escape closes, focus returns to where it was. */
import { useEffect, useId, useRef, type ReactNode } from "react";
import { Button } from "./Button";
import styles from "./Dialog.module.css";

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog ref={dialog} className={styles.dialog} aria-labelledby={heading} onClose={onClose}>
      <div className={styles.header}>
        <h2 id={heading}>{title}</h2>
        <Button kind="quiet" aria-label="Close" onClick={() => dialog.current?.close()}>
          ✕
        </Button>
      </div>
      <div className={styles.body}>{children}</div>
    </dialog>
  );
}

/** Loading, empty and failed: what stands where data would be. Never a blank. */
import type { ReactNode } from "react";
import { Button } from "./Button";
import styles from "./States.module.css";

export function Loading({ what }: { what: string }) {
  return (
    <div className={styles.state} role="status">
      <span className={styles.spinner} aria-hidden="true" />
      <p>Loading {what}…</p>
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={styles.state} role="status">
      <p className={styles.title}>{title}</p>
      {children}
    </div>
  );
}

interface FailedProps {
  /** What could not be shown, as in "the rows". */
  what: string;
  error: unknown;
  onRetry?: () => void;
}

export function Failed({ what, error, onRetry }: FailedProps) {
  const lines = linesOf(error);
  return (
    <div className={styles.state} role="alert">
      <p className={styles.title}>Cannot show {what}</p>
      {lines.map((line) => (
        <p key={line} className={styles.line}>
          {line}
        </p>
      ))}
      {onRetry !== undefined && <Button onClick={onRetry}>Try again</Button>}
    </div>
  );
}

/** The message, and what the server's problem adds: expected, found, the next step. */
function linesOf(error: unknown): string[] {
  const message = error instanceof Error ? error.message : String(error);
  if (typeof error !== "object" || error === null || !("problem" in error)) return [message];
  const { expected, found, next } = error.problem as Record<string, string | null | undefined>;
  return [message, expected ? `Expected: ${expected}` : "", found ? `Found: ${found}` : "", next ? `Next: ${next}` : ""].filter(Boolean);
}

/** The page's frame: top bar, sidebar, main. Draws; knows nothing of data. */
import type { ReactNode } from "react";
import styles from "./Shell.module.css";

interface Props {
  top: ReactNode;
  side?: ReactNode;
  main: ReactNode;
  /** The open sequence; beside the main part on wide screens, over it on others. */
  detail?: ReactNode;
  /** Always in sight, below list and sequence alike. */
  foot?: ReactNode;
}

export function Shell({ top, side, main, detail, foot }: Props) {
  return (
    <div className={styles.shell} data-detail={Boolean(detail)}>
      <header className={styles.top}>{top}</header>
      {side !== undefined && (
        <aside className={styles.side} aria-label="Overview">
          {side}
        </aside>
      )}
      <main className={styles.main}>{main}</main>
      {Boolean(detail) && <div className={styles.detail}>{detail}</div>}
      {Boolean(foot) && <div className={styles.foot}>{foot}</div>}
    </div>
  );
}

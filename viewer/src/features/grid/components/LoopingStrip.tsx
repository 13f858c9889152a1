/**
 * One picture that holds all crops side by side, shown one square at a time. It arrives and is decoded as a whole, so a step never lands on a
 * picture that is not there. The square keeps its place from the start: nothing jumps.
 */
import { memo, useEffect, useRef, useState } from "react";
import { useDataSource, type ReportRef } from "@/lib/data/dataSource";
import type { Ticker } from "@/lib/ticker";
import styles from "./LoopingStrip.module.css";

interface Props {
  report: ReportRef;
  sequenceKey: string;
  side: number;
  size: number;
  ticker: Ticker | null;
  /** Called once it is drawn, or once it is known that it cannot be. */
  onShown?: (sequenceKey: string, drawn: boolean) => void;
}

export const LoopingStrip = memo(function LoopingStrip({ report, sequenceKey, side, size, ticker, onShown }: Props) {
  const source = useDataSource();
  const url = source.stripUrl(report, sequenceKey, size);
  const image = useRef<HTMLImageElement>(null);
  const [state, setState] = useState<{ url: string; crops: number; problem: string | null } | null>(null);
  const loaded = state?.url === url ? state : null;
  const crops = loaded?.crops ?? 0;

  useEffect(() => {
    if (ticker === null || crops < 2) return;
    return ticker.subscribe((tick) => {
      if (image.current !== null) image.current.style.transform = `translateX(${(-100 * (tick % crops)) / crops}%)`;
    });
  }, [ticker, crops]);

  const ready = async (element: HTMLImageElement) => {
    await element.decode().catch(() => null);
    setState({ url, crops: Math.max(1, Math.round(element.naturalWidth / element.naturalHeight)), problem: null });
    onShown?.(sequenceKey, true);
  };
  const failed = async () => {
    const problem = await source.whyNot(url, new AbortController().signal).catch((error: unknown) => String(error));
    setState({ url, crops: 0, problem });
    onShown?.(sequenceKey, false);
  };
  return (
    <span className={styles.frame} style={{ height: side }} data-crops={crops}>
      {loaded?.problem != null ? (
        <span className={styles.problem}>No picture: {loaded.problem}</span>
      ) : (
        <img
          ref={image}
          key={url}
          src={url}
          alt=""
          className={crops > 0 ? styles.shown : styles.waiting}
          style={{ height: side, width: crops > 0 ? side * crops : side }}
          decoding="async"
          draggable={false}
          onLoad={(event) => void ready(event.currentTarget)}
          onError={() => void failed()}
        />
      )}
    </span>
  );
});

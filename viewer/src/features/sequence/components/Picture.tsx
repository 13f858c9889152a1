/** One frame on its stage: drawn in the same frame of the display that shows the rest, or what it lacks. */
import { useLayoutEffect, useRef } from "react";
import type { FrameState } from "../model/player";
import styles from "./Picture.module.css";

export function Picture({ state, text }: { state: FrameState; text: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const image = state.kind === "ready" ? state.image : null;
  useLayoutEffect(() => {
    const element = canvas.current;
    if (element === null || image === null) return;
    if (element.width !== image.width || element.height !== image.height) {
      element.width = image.width;
      element.height = image.height;
    }
    element.getContext("2d")?.drawImage(image, 0, 0);
    element.dataset.drawn = text;
  }, [image, text]);
  return (
    <>
      <canvas ref={canvas} className={styles.canvas} hidden={state.kind === "missing"}>
        {text}
      </canvas>
      {state.kind === "missing" && (
        <p className={styles.missing} role="status">
          <strong>{text} cannot be shown</strong>
          {state.reason}
        </p>
      )}
    </>
  );
}

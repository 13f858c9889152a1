import { memo } from "react";
import type { SequenceDetail } from "@/lib/api/types";
import { boxesOf, colourOf } from "../model/tubes";
import styles from "./Boxes.module.css";

const percent = (value: number) => `${100 * value}%`;

/** The boxes of one frame over its picture, each in its tube's colour with the detector's confidence; dashed = interpolated over a gap. */
/** `blind` shows where to look, and neither the confidence nor which boxes the model followed. */
export const Boxes = memo(function Boxes({ detail, frame, blind = false }: { detail: SequenceDetail; frame: number; blind?: boolean }) {
  return (
    <div className={styles.layer}>
      {boxesOf(detail, frame).map(({ corners: [x1, y1, x2, y2], confidence, tubeId }, index) => (
        <div
          key={index}
          className={`${styles.box} ${confidence === null && !blind ? styles.interpolated : ""}`}
          data-colour={tubeId === null || blind ? "none" : colourOf(detail, tubeId) % 5}
          style={{ left: percent(x1), top: percent(y1), width: percent(x2 - x1), height: percent(y2 - y1) }}
        >
          {!blind && (
            <span className={`${styles.label} ${y1 < 0.06 ? styles.inside : ""}`}>
              {confidence === null ? "gap" : confidence.toFixed(2)}
              {tubeId === null && <span className="visually-hidden"> in no kept tube</span>}
            </span>
          )}
        </div>
      ))}
    </div>
  );
});

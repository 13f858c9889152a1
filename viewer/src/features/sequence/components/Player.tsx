/** The frames as a film: plays by itself, steps only to decoded frames, says what a missing frame lacks. */
import { useEffect, useEffectEvent, useState } from "react";
import { Button } from "@/components/ui/Button";
import type { SequenceDetail } from "@/lib/api/types";
import * as format from "@/lib/format";
import { useKeys } from "@/lib/keys/useKeys";
import { useStoredNumber } from "@/lib/useStoredNumber";
import { changeSpeed, nextPlayable, SPEEDS, START_SPEED, stepTo, type FrameState } from "../model/player";
import { Boxes } from "./Boxes";
import { Picture } from "./Picture";
import styles from "./Player.module.css";

interface Props {
  detail: SequenceDetail;
  /** Aligned with `detail.frames`. */
  states: readonly FrameState[];
  /** 0-based. */
  frame: number;
  onFrame: (frame: number) => void;
  /** Without anything that the detector or the model thinks. */
  blind?: boolean;
}

export function Player({ detail, states, frame, onFrame, blind = false }: Props) {
  const [playing, setPlaying] = useState(() => !window.matchMedia("(prefers-reduced-motion: reduce)").matches);
  const [speed, setSpeed] = useStoredNumber("speed", START_SPEED);
  const [boxes, setBoxes] = useState(true);
  const count = detail.frames.length;
  const stepBy = (by: number) => {
    setPlaying(false);
    onFrame(stepTo(count, frame + by));
  };
  useKeys({
    play: () => setPlaying(!playing),
    left: () => stepBy(-1),
    right: () => stepBy(1),
    faster: () => setSpeed(changeSpeed(speed, 1)),
    slower: () => setSpeed(changeSpeed(speed, -1)),
    boxes: () => setBoxes(!boxes),
  });
  const advance = useEffectEvent(() => onFrame(nextPlayable(states, frame)));
  useEffect(() => {
    if (!playing) return;
    const timer = setInterval(advance, 1000 / speed);
    return () => clearInterval(timer);
  }, [playing, speed]);

  const shown = detail.frames[frame];
  if (shown === undefined) return <p className={styles.none}>This sequence has no frames.</p>;
  const { width, height } = detail.frames.find((each) => each.width !== null) ?? { width: 1280, height: 720 };
  return (
    <figure className={styles.player}>
      <div className={styles.stage} style={{ aspectRatio: `${width ?? 1280} / ${height ?? 720}` }}>
        <Picture state={states[frame]!} text={`Frame ${frame + 1} of ${count}`} />
        {boxes && <Boxes detail={detail} frame={frame} blind={blind} />}
      </div>
      <div className={styles.controls}>
        <Button className={styles.play} onClick={() => setPlaying(!playing)} aria-label={playing ? "Pause" : "Play"} title="Play or pause ( Space )">
          {playing ? "❚❚" : "▶"}
        </Button>
        <Button onClick={() => stepBy(-1)} aria-label="Previous frame" title="Previous frame ( ← )">
          ‹
        </Button>
        <Button onClick={() => stepBy(1)} aria-label="Next frame" title="Next frame ( → )">
          ›
        </Button>
        <input
          type="range"
          className={styles.scrub}
          aria-label="Frame"
          aria-valuetext={`Frame ${frame + 1} of ${count}`}
          min={0}
          max={Math.max(1, count - 1)}
          disabled={count < 2}
          value={frame}
          onChange={(event) => {
            setPlaying(false);
            onFrame(Number(event.target.value));
          }}
        />
        <select className={styles.speed} aria-label="Speed" value={speed} onChange={(event) => setSpeed(Number(event.target.value))}>
          {SPEEDS.map((each) => (
            <option key={each} value={each}>
              {each} / s
            </option>
          ))}
        </select>
        <Button pressed={boxes} onClick={() => setBoxes(!boxes)} title="Show or hide boxes ( B )">
          Boxes
        </Button>
      </div>
      <figcaption className={styles.caption}>
        <span>
          Frame <strong>{frame + 1}</strong> / {count}
        </span>
        <span>{shown.recorded_at === null ? "time not known" : `${format.time(Date.parse(shown.recorded_at), true)} UTC`}</span>
        <span>{shown.boxes === null ? "boxes not known" : shown.boxes.length === 0 ? "no box" : format.counted(shown.boxes.length, "box", "boxes")}</span>
        <span className={styles.file} title={shown.file}>
          {shown.file}
        </span>
      </figcaption>
    </figure>
  );
}

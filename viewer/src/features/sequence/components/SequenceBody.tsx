import { useEffect, useState } from "react";
import type { SequenceDetail } from "@/lib/api/types";
import type { FrameCache } from "@/lib/frames/frameCache";
import { orderedTubes, slotOf } from "../model/tubes";
import { isSettled, useFrames } from "../model/useFrames";
import type { Opening } from "../model/useOpening";
import { Facts } from "./Facts";
import { Player } from "./Player";
import { TubeCard } from "./TubeCard";
import styles from "./SequenceBody.module.css";

interface Props {
  detail: SequenceDetail;
  row: number;
  cache: FrameCache;
  opening: Opening;
  /** Called once all frames are here: time for the neighbours. */
  onSettled: () => void;
}

export function SequenceBody({ detail, row, cache, opening, onSettled }: Props) {
  const states = useFrames(cache, detail, opening);
  const settled = isSettled(states);
  useEffect(() => {
    if (settled) onSettled();
  }, [settled, onSettled]);
  // Dozens of crops must not stand in the way of the first frame.
  const begun = states.every(({ kind }) => kind === "missing") || states.some(({ kind }) => kind === "ready");
  const [frame, setFrame] = useState(0);
  const slot = slotOf(detail, frame);
  return (
    <div className={styles.body}>
      <div className={styles.media}>
        {detail.partial.length > 0 && (
          <ul className={styles.partial} role="alert">
            {detail.partial.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        )}
        <Player detail={detail} states={states} frame={frame} onFrame={setFrame} />
        {orderedTubes(detail).map((tube, colour) => (
          <TubeCard key={tube.tube_id} detail={detail} tube={tube} colour={colour} frame={frame} slot={slot} pictures={begun} onFrame={setFrame} />
        ))}
        {detail.tubes.length === 0 && (
          <p className={styles.none}>No tube was kept: no box could be followed over the frames, so there is nothing that the model judged.</p>
        )}
      </div>
      <Facts detail={detail} row={row} />
    </div>
  );
}

/** What stands in the player's place until the details are here: the first frame as soon as it is, where it will stay. */
import { Loading } from "@/components/ui/States";
import type { FrameState } from "../model/player";
import { Picture } from "./Picture";
import body from "./SequenceBody.module.css";
import player from "./Player.module.css";
import styles from "./FirstFrame.module.css";

export function FirstFrame({ state }: { state: FrameState }) {
  const { width, height } = state.kind === "ready" ? state.image : { width: 1280, height: 720 };
  return (
    <div className={body.body}>
      <figure className={player.player}>
        <div className={player.stage} style={{ aspectRatio: `${width} / ${height}` }}>
          {state.kind === "ready" ? <Picture state={state} text="Frame 1" /> : <span className={styles.waiting}>
              <Loading what="the sequence" />
            </span>}
        </div>
      </figure>
    </div>
  );
}

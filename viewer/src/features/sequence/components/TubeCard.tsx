/** One kept tube: its verdict, its timeline over the slots, the crops that the network saw. */
import { useState } from "react";
import type { CropOut, SequenceDetail, TubeOut } from "@/lib/api/types";
import { useDataSource } from "@/lib/data/dataSource";
import * as format from "@/lib/format";
import { useReport } from "@/lib/report/report";
import { cellText, timeline } from "../model/tubes";
import styles from "./TubeCard.module.css";

interface Props {
  detail: SequenceDetail;
  tube: TubeOut;
  /** 0 = the decisive tube's. */
  colour: number;
  /** 0-based input frame that is shown, and its slot. */
  frame: number;
  slot: number | null;
  /** False: the crops keep their places but are not asked for yet. */
  pictures: boolean;
  onFrame: (frame: number) => void;
}

export function TubeCard({ detail, tube, colour, frame, slot, pictures, onFrame }: Props) {
  const cells = timeline(tube, detail);
  return (
    <section className={styles.tube} data-colour={colour % 5} aria-label={`Tube ${tube.tube_id}`}>
      <header className={styles.header}>
        <h3>
          <span className={styles.swatch} aria-hidden="true" /> Tube {tube.tube_id}
          {tube.is_decisive && <span className={styles.decisive}>decisive</span>}
        </h3>
        <dl className={styles.numbers}>
          <div>
            <dt>Probability</dt>
            <dd>{format.score(tube.probability)}</dd>
          </div>
          <div>
            <dt>Logit</dt>
            <dd>{tube.logit === null ? "–" : tube.logit.toFixed(2)}</dd>
          </div>
          <div>
            <dt>First crossing</dt>
            <dd>{tube.first_crossing_frame === null ? "never" : `slot ${tube.first_crossing_frame}`}</dd>
          </div>
        </dl>
      </header>
      <div className={styles.timeline} role="group" aria-label="Timeline by slot">
        {cells.map((cell) => (
          <button
            key={cell.slot}
            type="button"
            tabIndex={-1}
            className={styles.cell}
            data-kind={cell.kind}
            data-padded={cell.padded}
            data-crossing={cell.firstCrossing}
            aria-current={cell.frame === frame ? "true" : undefined}
            aria-label={cellText(cell)}
            title={cellText(cell)}
            disabled={cell.frame === null}
            onClick={() => cell.frame !== null && onFrame(cell.frame)}
          />
        ))}
      </div>
      <div className={styles.strip} role="group" aria-label="Crops">
        {tube.crops
          .filter((crop) => !crop.padded)
          .map((crop) => (
            <Crop key={crop.frame_idx} detail={detail} tube={tube} crop={crop} current={crop.frame_idx === slot} pictures={pictures} onFrame={onFrame} />
          ))}
      </div>
    </section>
  );
}

const SIZE = 224;

type CropProps = Pick<Props, "detail" | "tube" | "pictures" | "onFrame"> & { crop: CropOut; current: boolean };

function Crop({ detail, tube, crop, current, pictures, onFrame }: CropProps) {
  const source = useDataSource();
  const { summary } = useReport();
  const [problem, setProblem] = useState<string | null>(null);
  const url = source.cropUrl(summary, detail.row.key, tube.tube_id, crop.frame_idx, SIZE, detail.version);
  const failed = async () => setProblem(await source.whyNot(url, new AbortController().signal).catch((error: unknown) => String(error)));
  return (
    <button
      type="button"
      className={styles.crop}
      aria-current={current ? "true" : undefined}
      aria-label={`Crop of frame ${crop.frame_index + 1}`}
      onClick={() => onFrame(crop.frame_index)}
    >
      {problem === null && !crop.is_empty ? (
        pictures && <img src={url} alt="" width={96} height={96} loading="lazy" decoding="async" onError={() => void failed()} />
      ) : (
        <span className={styles.missing}>{problem ?? "outside the image"}</span>
      )}
      <span className={styles.number}>{crop.frame_index + 1}</span>
    </button>
  );
}

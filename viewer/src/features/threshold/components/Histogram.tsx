/** Score histogram, coloured by bucket. Heights grow with the square root: the few high scores stay visible beside the mass of low ones. */
import { scaleLinear, scaleSqrt } from "d3-scale";
import { memo, useMemo, useState } from "react";
import type { SortedScores } from "@/lib/columns/buckets";
import { binCounts, splitBins } from "@/lib/columns/histogram";
import { count, counted } from "@/lib/format";
import styles from "./Histogram.module.css";

const BINS = 50;
const WIDTH = 300;
const HEIGHT = 76;

interface Props {
  scores: SortedScores;
  threshold: number;
  /** The run's own threshold, marked so that one finds back. */
  own: number;
}

export function Histogram({ scores, threshold, own }: Props) {
  const counts = useMemo(() => binCounts(scores, BINS), [scores]);
  const [hovered, setHovered] = useState<number | null>(null);
  const bins = splitBins(counts, scores, threshold);
  const x = scaleLinear([0, 1], [0, WIDTH]);
  const height = scaleSqrt([0, Math.max(1, ...counts)], [0, HEIGHT - 2]);
  const bin = hovered === null ? undefined : bins[hovered];
  return (
    <figure className={styles.figure}>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        className={styles.chart}
        role="img"
        aria-label={`Histogram of ${counted(scores.ascending.length, "score")} between 0 and 1`}
        onPointerMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          setHovered(Math.max(0, Math.min(BINS - 1, Math.floor((BINS * (event.clientX - box.left)) / box.width))));
        }}
        onPointerLeave={() => setHovered(null)}
      >
        {hovered !== null && <rect className={styles.hover} x={x(hovered / BINS)} width={x(1 / BINS)} y={0} height={HEIGHT} />}
        {bins.map(({ from, to, unlabeled, review }) => (
          <Bar key={from} x={x(from) + 0.5} width={x(to) - x(from) - 1} low={height(unlabeled)} high={height(unlabeled + review)} />
        ))}
        <line className={styles.own} x1={x(own)} x2={x(own)} y1={0} y2={HEIGHT} />
        <line className={styles.cut} x1={x(threshold)} x2={x(threshold)} y1={0} y2={HEIGHT} />
      </svg>
      <div className={styles.axis} aria-hidden="true">
        {[0, 0.25, 0.5, 0.75, 1].map((tick) => (
          <span key={tick}>{tick}</span>
        ))}
      </div>
      <figcaption className={styles.caption}>
        {bin === undefined
          ? "Square-root scale"
          : `${bin.from.toFixed(2)} to ${bin.to.toFixed(2)}: ${count(bin.unlabeled + bin.review)}`}
      </figcaption>
    </figure>
  );
}

/** One bin: what is below the threshold, and what is above it on top. Most bins do not change while the slider moves. */
const Bar = memo(function Bar({ x, width, low, high }: { x: number; width: number; low: number; high: number }) {
  return (
    <>
      {low > 0 && <rect className={styles.unlabeled} x={x} width={width} y={HEIGHT - low} height={low} />}
      {high > low && <rect className={styles.review} x={x} width={width} y={HEIGHT - high} height={high - low} />}
    </>
  );
});

/** The right-hand column: why this score, everything known about the sequence, its neighbours. */
import { BucketBadge } from "@/components/ui/BucketBadge";
import { Panel } from "@/components/ui/Panel";
import type { Neighbour, SequenceDetail } from "@/lib/api/types";
import { BUCKETS, bucketOf } from "@/lib/columns/buckets";
import * as format from "@/lib/format";
import { useReport } from "@/lib/report/report";
import { useThreshold } from "@/lib/report/selection";
import { useViewStore } from "@/lib/view/store";
import { metadata, rule, verdict, type Fact } from "../model/facts";
import styles from "./Facts.module.css";

export function Facts({ detail, row }: { detail: SequenceDetail; row: number }) {
  const why = rule(detail);
  return (
    <div className={styles.facts} data-row={row}>
      <Panel title="Verdict">
        <List facts={verdict(detail)} />
        {why !== null && <p className={styles.rule}>{why}</p>}
      </Panel>
      <Panel
        title="Sequence"
        aside={
          detail.annotator_url !== null && (
            <a href={detail.annotator_url} target="_blank" rel="noreferrer noopener">
              Annotator ↗
            </a>
          )
        }
      >
        <List facts={metadata(detail)} />
      </Panel>
      <Neighbours title="Same alert" neighbours={detail.same_alert} />
      <Neighbours title="Same camera" neighbours={detail.same_camera} />
    </div>
  );
}

function List({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl className={styles.list}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd dir="auto">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Neighbours({ title, neighbours }: { title: string; neighbours: readonly Neighbour[] }) {
  const report = useReport();
  const threshold = useThreshold(report);
  const { go } = useViewStore();
  const { table } = report;
  const known = neighbours.map(({ key }) => table.rowOf(key)).filter((row) => row >= 0);
  if (known.length === 0) return null;
  return (
    <Panel title={title} aside={<span className={styles.number}>{known.length}</span>}>
      <ul>
        {known.map((row) => (
          <li key={row}>
            <button type="button" className={styles.neighbour} onClick={() => go({ open: table.key(row) })}>
              <span className={styles.when}>{format.time(table.startedAt[row]!).slice(5)}</span>
              <BucketBadge bucket={BUCKETS[bucketOf(table, row, threshold)]!} />
              <span className={styles.score}>{format.score(Number.isNaN(table.score[row]!) ? null : table.score[row]!)}</span>
            </button>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

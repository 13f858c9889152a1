/** The open sequence: its first frame as soon as that is there, then all of it. Keyed by sequence, so that nothing of the last one is left. */
import { useCallback, useMemo, useState } from "react";
import { Button } from "@/components/ui/Button";
import { Empty, Failed } from "@/components/ui/States";
import { useSequence } from "@/lib/data/queries";
import type { FrameCache } from "@/lib/frames/frameCache";
import { useReport } from "@/lib/report/report";
import { useViewStore } from "@/lib/view/store";
import { usePreload } from "../model/useFrames";
import { useOpening } from "../model/useOpening";
import { FirstFrame } from "./FirstFrame";
import { Header } from "./Header";
import { SequenceBody } from "./SequenceBody";
import styles from "./SequencePane.module.css";

export function SequencePane({ sequenceKey, cache }: { sequenceKey: string; cache: FrameCache }) {
  const { table } = useReport();
  const { go } = useViewStore();
  const row = useMemo(() => table.rowOf(sequenceKey), [table, sequenceKey]);
  if (row < 0) {
    return (
      <Empty title="This report has no such sequence">
        <p>
          The address asks for <bdi className={styles.key}>{sequenceKey}</bdi>.
        </p>
        <Button onClick={() => go({ open: null })}>Back to the list</Button>
      </Empty>
    );
  }
  return (
    <section className={styles.pane} aria-label={`Sequence ${table.sequenceId[row]}`}>
      <Header row={row} />
      <Loaded key={sequenceKey} sequenceKey={sequenceKey} row={row} cache={cache} />
    </section>
  );
}

function Loaded({ sequenceKey, row, cache }: { sequenceKey: string; row: number; cache: FrameCache }) {
  const { summary } = useReport();
  const sequence = useSequence(summary, sequenceKey);
  const [settled, setSettled] = useState(false);
  const opening = useOpening(cache, sequenceKey);
  const settle = useCallback(() => setSettled(true), []);
  usePreload(cache, row, settled || sequence.isError);
  if (sequence.isPending) return <FirstFrame state={opening.state} />;
  if (sequence.isError) {
    return (
      <div className={styles.waiting}>
        <Failed what="this sequence" error={sequence.error} onRetry={() => void sequence.refetch()} />
      </div>
    );
  }
  return <SequenceBody key={sequence.data.version} detail={sequence.data} row={row} cache={cache} opening={opening} onSettled={settle} />;
}

/** The frames of one sequence and nothing that the model or the detector thinks of them: for the audit. */
import { useState } from "react";
import { Failed, Loading } from "@/components/ui/States";
import type { SequenceDetail } from "@/lib/api/types";
import { useSequence } from "@/lib/data/queries";
import type { FrameCache } from "@/lib/frames/frameCache";
import { useReport } from "@/lib/report/report";
import { useFrameCache, useFrames } from "../model/useFrames";
import { Player } from "./Player";

export function BlindPane({ sequenceKey }: { sequenceKey: string }) {
  const cache = useFrameCache();
  const { summary } = useReport();
  const sequence = useSequence(summary, sequenceKey);
  if (sequence.isPending) return <Loading what="the sequence" />;
  if (sequence.isError) return <Failed what="this sequence" error={sequence.error} onRetry={() => void sequence.refetch()} />;
  return <Frames detail={sequence.data} cache={cache} />;
}

function Frames({ detail, cache }: { detail: SequenceDetail; cache: FrameCache }) {
  const states = useFrames(cache, detail);
  const [frame, setFrame] = useState(0);
  return <Player detail={detail} states={states} frame={frame} onFrame={setFrame} blind />;
}

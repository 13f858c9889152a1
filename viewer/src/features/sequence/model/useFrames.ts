/** Loads and decodes the frames of the open sequence, and keeps the neighbourhood of the list warm. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import type { SequenceDetail } from "@/lib/api/types";
import { useDataSource } from "@/lib/data/dataSource";
import { sequenceQuery } from "@/lib/data/queries";
import { FrameCache, type FrameKey } from "@/lib/frames/frameCache";
import { useReport } from "@/lib/report/report";
import { useSelection } from "@/lib/report/selection";
import { leaving } from "./leaving";
import { neighbourhood } from "./neighbourhood";
import { reasonOf, type FrameState } from "./player";
import type { Opening } from "./useOpening";

const framesOf = (detail: SequenceDetail): FrameKey => ({ key: detail.row.key, version: detail.version, count: detail.frames.length });

/** One cache per report, for as long as the caller is mounted. */
export function useFrameCache(): FrameCache {
  const source = useDataSource();
  const { summary } = useReport();
  const cache = useMemo(
    () => new FrameCache((key, version, index, signal) => source.frame(summary, key, index, version, signal)),
    [source, summary],
  );
  useEffect(() => () => cache.keepOnly(new Set()), [cache]);
  return cache;
}

const AT_ONCE = 3;

/**
 * States aligned with `detail.frames`; they turn from loading to ready or missing one by one, first frame first.
 * opening: the first frame, where somebody asked for it before there was a detail; null = it is loaded here like the others.
 */
export function useFrames(cache: FrameCache, detail: SequenceDetail, opening: Opening | null = null): readonly FrameState[] {
  const [states, setStates] = useState<readonly FrameState[]>(() => startOf(detail));
  const given = useMemo(() => givenFirst(opening, detail), [opening, detail]);
  const apart = given !== null;
  const begun = given?.kind !== "loading";
  useEffect(() => {
    if (!begun) return;
    const { gone, leave } = leaving();
    const bitmaps: ImageBitmap[] = [];
    const frames = framesOf(detail);
    const set = (index: number, state: FrameState) => {
      if (!gone()) setStates((before) => before.with(index, state));
    };
    const wanted = detail.frames.flatMap(({ index, available }) => (available && !(apart && index === 0) ? [index] : []));
    const loadNext = async () => {
      const index = wanted.shift();
      if (index === undefined || gone()) return false;
      try {
        const file = await cache.frame(frames, index);
        const image = await createImageBitmap(file);
        if (gone()) image.close();
        else bitmaps.push(image);
        set(index, { kind: "ready", image });
      } catch (error) {
        set(index, { kind: "missing", reason: reasonOf(error) });
      }
      return true;
    };
    const walk = async () => {
      while (await loadNext());
    };
    // The first frame alone: it is what one waits for, and the others would share its bandwidth and its decoder.
    const first = apart ? Promise.resolve(true) : loadNext();
    void first.then(() => Promise.all(Array.from({ length: AT_ONCE }, walk)));
    return () => {
      leave();
      for (const image of bitmaps) image.close();
    };
  }, [cache, detail, apart, begun]);
  return useMemo(() => (given === null ? states : states.with(0, given)), [given, states]);
}

/** The state of the first frame as the opening has it; null = it must be loaded like the others: another version, or a failure to try again. */
function givenFirst(opening: Opening | null, detail: SequenceDetail): FrameState | null {
  if (opening === null || opening.state.kind === "missing" || detail.frames[0]?.available !== true) return null;
  return (opening.version ?? detail.version) === detail.version ? opening.state : null;
}

function startOf(detail: SequenceDetail): readonly FrameState[] {
  return detail.frames.map(({ available, reason }) =>
    available ? { kind: "loading" } : { kind: "missing", reason: reason ?? "the file is not there" },
  );
}

/** Nothing is on its way any more: every frame is ready or known to be missing. */
export const isSettled = (states: readonly FrameState[]): boolean => states.every(({ kind }) => kind !== "loading");

/** Preloads the next sequences once this one is `ready`, keeps the previous, cancels the rest. */
export function usePreload(cache: FrameCache, row: number, ready: boolean): void {
  const source = useDataSource();
  const queries = useQueryClient();
  const { summary, table } = useReport();
  const { rows } = useSelection();
  useEffect(() => {
    const { next, previous } = neighbourhood(rows, row);
    const keep = new Set([row, ...next, ...previous].filter((each) => each >= 0).map((each) => table.key(each)));
    cache.keepOnly(keep);
    void queries.cancelQueries({ predicate: ({ queryKey }) => queryKey[0] === "sequence" && !keep.has(queryKey[3] as string) });
    if (!ready) return;
    const { gone, leave } = leaving();
    void (async () => {
      for (const each of next) {
        if (gone()) return;
        const detail = await queries.query(sequenceQuery(source, summary, table.key(each))).catch(() => null);
        if (detail !== null && !gone()) await cache.preload(framesOf(detail));
      }
    })();
    return leave;
  }, [cache, queries, ready, row, rows, source, summary, table]);
}

/**
 * Opening a sequence: its details and its first frame are asked for together, in the event that opens it. The frame is decoded and drawn as
 * soon as it is there, whether or not the details are.
 */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useDataSource } from "@/lib/data/dataSource";
import { sequenceQuery } from "@/lib/data/queries";
import type { FrameCache } from "@/lib/frames/frameCache";
import { useReport } from "@/lib/report/report";
import { useViewStore } from "@/lib/view/store";
import { leaving } from "./leaving";
import { reasonOf, type FrameState } from "./player";

export interface Opening {
  readonly state: FrameState;
  /** Of the sequence the frame belongs to; null = as new as any. */
  readonly version: string | null;
}

/** Asks for whatever is opened, by whichever click or key, before React draws anything of it. */
export function useHeadStart(cache: FrameCache): void {
  const source = useDataSource();
  const queries = useQueryClient();
  const store = useViewStore();
  const { summary, table } = useReport();
  useEffect(() => {
    let last = store.get().open;
    return store.subscribe(() => {
      const { open } = store.get();
      if (open !== null && open !== last && table.rowOf(open) >= 0) {
        void queries.query(sequenceQuery(source, summary, open)).catch(() => null);
        void cache.first(open).file.catch(() => null);
      }
      last = open;
    });
  }, [cache, queries, source, store, summary, table]);
}

/** The first frame of `key`, decoded. */
export function useOpening(cache: FrameCache, key: string): Opening {
  const [opening, setOpening] = useState<Opening>({ state: { kind: "loading" }, version: null });
  useEffect(() => {
    const { gone, leave } = leaving();
    let decoded: ImageBitmap | null = null;
    const { version, file } = cache.first(key);
    const decode = async () => {
      try {
        const image = await createImageBitmap(await file);
        if (gone()) {
          image.close();
          return;
        }
        decoded = image;
        setOpening({ state: { kind: "ready", image }, version });
      } catch (error) {
        if (!gone()) setOpening({ state: { kind: "missing", reason: reasonOf(error) }, version });
      }
    };
    void decode();
    return () => {
      leave();
      decoded?.close();
    };
  }, [cache, key]);
  return opening;
}

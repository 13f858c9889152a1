/**
 * The desk: what was decided, and how to decide. One for the open report. A decision is drawn at once and sent; when the server
 * refuses it, what the server says is drawn instead. Decisions of others arrive with every refresh.
 */
import { useQuery } from "@tanstack/react-query";
import { createContext, use, useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { ReportSummary } from "@/lib/api/types";
import type { ReportTable } from "@/lib/columns/table";
import { useDataSource } from "@/lib/data/dataSource";
import { useStoredJson } from "@/lib/useStoredNumber";
import { useViewPart } from "@/lib/view/store";
import { noDecisions, withDecisions, type Decisions } from "./decisions";
import { useReviewSource, type Deciding, type Receipt, type ReviewSource } from "./reviewSource";
import { decisionKeys, remapped, type DecisionKey } from "./vocabulary";
import { whereIds } from "./where";

const REFRESH_MS = 15_000;
const SETTLE_MS = 1_200;

export interface Notice {
  readonly text: string;
  readonly bad: boolean;
  /** What Undo takes; null = nothing to undo here. */
  readonly event: string | null;
}

export interface Desk {
  readonly source: ReviewSource;
  readonly reviewer: string;
  readonly decisions: Decisions;
  readonly keys: readonly DecisionKey[];
  readonly remap: (words: string, key: string) => void;
  /** Whether letters decide. */
  readonly keysOn: boolean;
  readonly setKeysOn: (on: boolean) => void;
  readonly notice: Notice | null;
  readonly dismiss: () => void;
  /** A past moment that is shown instead of now; nothing can be decided in the past. null = now. */
  readonly past: string | null;
  readonly setPast: (snapshot: string | null) => void;
  /** Decide rows by hand (few); resolves to false when it was refused. */
  readonly decideRows: (rows: readonly number[], words: string) => Promise<boolean>;
  /** Say in the audit's blind session what one row shows; resolves to false when it was refused. */
  readonly answer: (row: number, words: string) => Promise<boolean>;
  /** Decide what an expression selects; `rows` are what is shown of it, drawn at once. */
  readonly decideWhere: (deciding: Omit<Deciding, "seconds">, rows: readonly number[]) => Promise<boolean>;
  readonly undo: (event?: string) => Promise<void>;
  readonly redo: (event?: string) => Promise<void>;
}

const DeskContext = createContext<Desk | null>(null);
export const DeskProvider = DeskContext.Provider;

/** null = this source takes no decisions. */
export const useDesk = (): Desk | null => use(DeskContext);

export function useOpenDesk(summary: ReportSummary, table: ReportTable | null): Desk | null {
  const source = useReviewSource();
  const data = useDataSource();
  const vocabulary = useQuery({ queryKey: ["vocabulary"], queryFn: ({ signal }) => data.vocabulary(signal), staleTime: Infinity, enabled: source !== null });
  const info = useQuery({ queryKey: ["desk"], queryFn: ({ signal }) => source!.desk(signal), enabled: source !== null, staleTime: 30_000 });
  const [decisions, setDecisions] = useState<Decisions | null>(null);
  const [keysOn, setKeysOn] = useStoredJson("decision-keys-on", false);
  const [changes, setChanges] = useStoredJson<Readonly<Record<string, string>>>("decision-keys", {});
  const [notice, setNotice] = useState<Notice | null>(null);
  const [past, setPast] = useState<string | null>(null);
  const blind = useViewPart((view) => view.filters.said === "second_look").part;
  const lastAt = useRef(0);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const length = table?.length ?? -1;
  const reviewer = info.data?.reviewer;

  const writes = useRef({ running: 0, edges: 0 });
  const asked = useRef(0);

  const refresh = useCallback(async () => {
    if (source === null || length < 0 || reviewer === undefined) return;
    const { edges } = writes.current;
    const ticket = ++asked.current;
    try {
      const answer = await source.decisions(summary, length, reviewer, past, new AbortController().signal);
      // An answer from before a decision would take away what was drawn of it; when the decision is acknowledged another one is asked for.
      if (ticket === asked.current && edges === writes.current.edges && writes.current.running === 0) setDecisions(answer);
    } catch (error) {
      setNotice({ text: messageOf(error), bad: true, event: null });
    }
  }, [source, summary, length, reviewer, past]);
  useEffect(() => {
    lastAt.current = performance.now();
    const first = setTimeout(() => void refresh(), 0);
    const every = setInterval(() => void refresh(), REFRESH_MS);
    return () => {
      clearTimeout(first);
      clearInterval(every);
    };
  }, [refresh]);
  const settle = useCallback(() => {
    if (timer.current !== null) clearTimeout(timer.current);
    timer.current = setTimeout(() => void refresh(), SETTLE_MS);
  }, [refresh]);

  const act = useCallback(
    async (send: () => Promise<Receipt>, undoable: boolean): Promise<boolean> => {
      const count = (running: 1 | -1) => {
        writes.current = { running: writes.current.running + running, edges: writes.current.edges + 1 };
      };
      count(1);
      try {
        const receipt = await send().finally(() => count(-1));
        setNotice({ text: receipt.text, bad: false, event: undoable ? receipt.event : null });
        settle();
        return true;
      } catch (error) {
        setNotice({ text: messageOf(error), bad: true, event: null });
        await refresh();
        return false;
      }
    },
    [refresh, settle],
  );
  /** Draws what is said of `rows` at once and sends it with the time it took. */
  const say = useCallback(
    async (rows: readonly number[], words: string, send: (source: ReviewSource, seconds: number) => Promise<Receipt>) => {
      if (source === null || length < 0) return false;
      if (past !== null) {
        setNotice({ text: `This is the past (${past}): go back to now to decide.`, bad: true, event: null });
        return false;
      }
      const seconds = Math.round(performance.now() - lastAt.current) / 1000;
      lastAt.current = performance.now();
      setDecisions((known) => withDecisions(known ?? noDecisions(length), rows.map((row) => [row, words] as const)));
      return act(() => send(source, seconds), true);
    },
    [source, length, past, act],
  );
  const decideWhere = useCallback(
    (deciding: Omit<Deciding, "seconds">, rows: readonly number[]) =>
      say(rows, deciding.words, (to, seconds) => to.decide(summary, { ...deciding, blind, seconds })),
    [say, summary, blind],
  );
  const decideRows = useCallback(
    async (rows: readonly number[], words: string) => {
      if (table === null || rows.length === 0) return false;
      const where = whereIds(rows.map((row) => table.sequenceId[row]!));
      return decideWhere({ where, exclusions: [], threshold: null, words, expect: rows.length }, rows);
    },
    [table, decideWhere],
  );
  const answer = useCallback(
    async (row: number, words: string) => table !== null && say([row], words, (to, seconds) => to.answerAudit(summary, { key: table.key(row), words, seconds })),
    [table, summary, say],
  );
  const undo = useCallback(
    async (event?: string) => {
      if (source !== null && (await act(() => source.undo(event ?? null), false))) await refresh();
    },
    [source, act, refresh],
  );
  const redo = useCallback(
    async (event?: string) => {
      if (source !== null && (await act(() => source.redo(event ?? null), false))) await refresh();
    },
    [source, act, refresh],
  );
  const words = vocabulary.data;
  // Whoever looks a second time must not know what was said the first time.
  const shown = useMemo(() => (decisions === null || !blind ? decisions : { ...decisions, blind }), [decisions, blind]);
  return useMemo(() => {
    if (source === null || shown === null || words === undefined) return null;
    return {
      source,
      reviewer: reviewer ?? "",
      decisions: shown,
      keys: remapped(decisionKeys(words), changes),
      remap: (about: string, key: string) => setChanges({ ...changes, [about]: key }),
      keysOn,
      setKeysOn,
      notice,
      dismiss: () => setNotice(null),
      past,
      setPast,
      decideRows,
      answer,
      decideWhere,
      undo,
      redo,
    };
  }, [source, shown, words, reviewer, changes, setChanges, keysOn, setKeysOn, notice, past, decideRows, answer, decideWhere, undo, redo]);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

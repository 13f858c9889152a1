import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, renderHook, waitFor } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { DataSourceProvider } from "@/lib/data/dataSource";
import { ViewProvider, ViewStore } from "@/lib/view/store";
import { sourceOf, summaryOf } from "@/testing/page";
import { tableOf } from "@/testing/rows";
import { noDecisions, wordsAt, type Decisions } from "./decisions";
import { useOpenDesk } from "./desk";
import { ReviewSourceProvider, type Receipt, type ReviewSource } from "./reviewSource";

const ROWS = [
  { id: 1, score: 0.1 },
  { id: 2, score: 0.2 },
];
const RECEIPT: Receipt = { event: "e1", count: 1, changed: 0, text: "1 sequence decided as antenna" };

/** Answers that come when the test says so. */
function held<T>() {
  const waiting: ((value: T) => void)[] = [];
  return { ask: () => new Promise<T>((resolve) => void waiting.push(resolve)), answer: (value: T) => waiting.shift()?.(value), waiting };
}

describe("the desk", () => {
  it("does not let an answer from before a decision take away what was drawn of it", async () => {
    const [reads, writes] = [held<Decisions>(), held<Receipt>()];
    const desk = { reviewer: "ana", version: 1, views: [], assignments: [], snapshots: [], problems: [] };
    const undo = () => Promise.reject(new Error("nothing to undo"));
    const source = { desk: () => Promise.resolve(desk), decisions: reads.ask, decide: writes.ask, undo } as unknown as ReviewSource;
    const [summary, table] = [summaryOf(ROWS), tableOf(ROWS)];
    const view = new ViewStore(window);
    const queries = new QueryClient();
    const { result } = renderHook(() => useOpenDesk(summary, table), {
      wrapper: ({ children }) => (
        <QueryClientProvider client={queries}>
          <DataSourceProvider value={sourceOf({ rows: ROWS })}>
            <ViewProvider value={view}>
              <ReviewSourceProvider value={source}>{children}</ReviewSourceProvider>
            </ViewProvider>
          </DataSourceProvider>
        </QueryClientProvider>
      ),
    });
    const drawn = () => wordsAt(result.current?.decisions ?? null, 0);
    await waitFor(() => expect(reads.waiting).toHaveLength(1));
    await act(() => Promise.resolve(reads.answer(noDecisions(2))));
    await waitFor(() => expect(result.current).not.toBeNull());

    // A refused undo reads again; that read is on its way when the next key is pressed, and answers while the decision is written.
    act(() => void result.current!.undo());
    await waitFor(() => expect(reads.waiting).toHaveLength(1));
    let decided: Promise<boolean>;
    act(() => void (decided = result.current!.decideRows([0], "antenna")));
    expect(drawn()).toBe("antenna");
    await act(() => Promise.resolve(reads.answer(noDecisions(2))));
    expect(drawn()).toBe("antenna");
    await act(async () => {
      writes.answer(RECEIPT);
      await decided;
    });
    expect(drawn()).toBe("antenna");
    // What is asked for afterwards is believed, whatever it says.
    await waitFor(() => expect(reads.waiting.length).toBeGreaterThan(0), { timeout: 3000 });
    await act(() => Promise.resolve(reads.answer(noDecisions(2))));
    expect(drawn()).toBeNull();
  });
});

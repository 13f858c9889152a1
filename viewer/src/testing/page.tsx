/** The whole page over a DataSource made by hand: what a static export would be. */
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import { App } from "@/app/App";
import type { ModelPanel, ReportSummary, SequenceDetail } from "@/lib/api/types";
import { countsAt, sortScores } from "@/lib/columns/buckets";
import { DataError, DataSourceProvider, type DataSource } from "@/lib/data/dataSource";
import type { Vocabulary } from "@/lib/review/vocabulary";
import { ViewProvider, ViewStore } from "@/lib/view/store";
import { tableOf, type TestRow } from "./rows";

export const MODEL: ModelPanel = {
  model_version: "0.2.0",
  variant: "vit",
  threshold: 0.35,
  model_threshold: 0.42,
  aggregation: "logistic",
  context_factor: 1.5,
  manifest: {},
  config: { tubes: { iou_threshold: 0.1, interpolate_gaps: true } },
};

export const VOCABULARY: Vocabulary = {
  smoke_types: [{ name: "wildfire", key: "1" }],
  false_positive_types: [
    { name: "antenna", key: "a" },
    { name: "dust", key: "j" },
    { name: "unlabeled", key: "m" },
  ],
  actions: { unsure: "u" },
};

export function summaryOf(rows: readonly TestRow[], variant = "vit-0-2-0"): ReportSummary {
  const table = tableOf(rows);
  const { review, unlabeled, hold } = countsAt(sortScores(table), 0.35);
  return {
    variant,
    model_version: "0.2.0",
    threshold: 0.35,
    counts: { review, unlabeled, hold },
    num_rows: rows.length,
    num_dropped: 0,
    source: "loose",
    is_latest: true,
    labelled: table.labelled,
    version: "1",
  };
}

export const notThere = (what: string) =>
  new DataError({ error: `${what} is not there`, expected: null, found: null, next: "run `triage pull`" }, 404);

interface Given {
  rows: readonly TestRow[];
  details?: Record<string, SequenceDetail>;
  address?: string;
  replaced?: Partial<DataSource>;
}

export function sourceOf({ rows, details = {}, replaced = {} }: Given): DataSource {
  return {
    reports: () => Promise.resolve([summaryOf(rows)]),
    rows: () => Promise.resolve(tableOf(rows)),
    vocabulary: () => Promise.resolve(VOCABULARY),
    model: () => Promise.resolve(MODEL),
    sequence: (_, key) => (details[key] === undefined ? Promise.reject(notThere(key)) : Promise.resolve(details[key])),
    frame: (_, key, index) => Promise.reject(notThere(`frame ${index} of ${key}`)),
    stripUrl: (_, key, size) => `strip/${key}/${size}`,
    cropUrl: (_, key, tubeId, slot) => `crop/${key}/${tubeId}/${slot}`,
    whyNot: () => Promise.resolve("frame 2 is missing"),
    ...replaced,
  };
}

export function openPage(given: Given) {
  window.history.replaceState(null, "", `/${given.address ?? ""}`);
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  return render(
    <QueryClientProvider client={queries}>
      <DataSourceProvider value={sourceOf(given)}>
        <ViewProvider value={new ViewStore(window)}>
          <App />
        </ViewProvider>
      </DataSourceProvider>
    </QueryClientProvider>,
  );
}

/**
 * The one interface to the data. Components and hooks know this and nothing else: whether a live server or a directory of exported
 * files answers makes no difference to them.
 */
import { createContext, use } from "react";
import type { Vocabulary } from "@/lib/review/vocabulary";
import type { ModelPanel, Problem, ReportSummary, SequenceDetail } from "@/lib/api/types";
import type { ReportTable } from "@/lib/columns/table";

/** Names one report at one state; images of it may be cached for good. */
export type ReportRef = Pick<ReportSummary, "variant" | "version">;

export interface DataSource {
  /** The one to open first in front; empty = nothing was scored yet. */
  reports(signal: AbortSignal): Promise<ReportSummary[]>;
  rows(report: ReportRef, signal: AbortSignal): Promise<ReportTable>;
  /** The annotator's words and keys. */
  vocabulary(signal: AbortSignal): Promise<Vocabulary>;
  model(report: ReportRef, signal: AbortSignal): Promise<ModelPanel>;
  sequence(report: ReportRef, key: string, signal: AbortSignal): Promise<SequenceDetail>;
  /** One input frame (0-based) as an image file. version: the sequence's; null = whatever it is now, when nothing of it is known yet. */
  frame(report: ReportRef, key: string, index: number, version: string | null, signal: AbortSignal): Promise<Blob>;
  /** Address of the looping strip: square crops side by side, `size` pixels high. */
  stripUrl(report: ReportRef, key: string, size: number): string;
  /** Address of the crop of one slot of one tube, `size` pixels square. */
  cropUrl(report: ReportRef, key: string, tubeId: number, slot: number, size: number, version: string): string;
  /** Why an address above gives no image: asked once the browser has failed to draw it. */
  whyNot(url: string, signal: AbortSignal): Promise<string>;
}

/** An answer that is not what was asked for; the message can be shown as it is. */
export class DataError extends Error {
  override readonly name = "DataError";

  constructor(
    readonly problem: Problem,
    /** HTTP status; 0 = no answer at all. */
    readonly status: number,
  ) {
    super(problem.error);
  }
}

const DataSourceContext = createContext<DataSource | null>(null);
export const DataSourceProvider = DataSourceContext.Provider;

export function useDataSource(): DataSource {
  const source = use(DataSourceContext);
  if (source === null) throw new Error("DataSourceProvider is missing above this component");
  return source;
}

/** Report: the rows with everything that is computed once per report, so that a threshold or a filter costs next to nothing. */
import { createContext, use } from "react";
import type { ReportSummary } from "@/lib/api/types";
import { sortScores, sortScoresBy, type SortedScores } from "@/lib/columns/buckets";
import { Orders } from "@/lib/columns/order";
import type { Decisions } from "@/lib/review/decisions";
import { sortScoresByLabel, type LabelScores } from "@/lib/columns/outcomes";
import type { ReportTable } from "@/lib/columns/table";

export interface Report {
  readonly summary: ReportSummary;
  readonly table: ReportTable;
  readonly scores: SortedScores;
  /** By code of `table.organization`; rows without one last. */
  readonly scoresByOrganization: readonly SortedScores[];
  /** null without labels. */
  readonly scoresByLabel: LabelScores | null;
  readonly orders: Orders;
  /** What reviewers decided, by row; null = this source knows of no decisions, and nothing about them is shown. */
  readonly decisions: Decisions | null;
}

export function openReport(summary: ReportSummary, table: ReportTable, decisions: Decisions | null = null): Report {
  return {
    summary,
    table,
    scores: sortScores(table),
    scoresByOrganization: sortScoresBy(table, table.organization),
    scoresByLabel: table.labelled ? sortScoresByLabel(table) : null,
    orders: new Orders(table),
    decisions,
  };
}

const ReportContext = createContext<Report | null>(null);
export const ReportProvider = ReportContext.Provider;

export function useReport(): Report {
  const report = use(ReportContext);
  if (report === null) throw new Error("ReportProvider is missing above this component");
  return report;
}

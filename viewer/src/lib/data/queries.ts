/** Cache keys and hooks of what the server says, one per endpoint. Images are not here: see lib/frames. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { useDataSource, type DataSource, type ReportRef } from "./dataSource";

export const reportsQuery = (source: DataSource) =>
  queryOptions({ queryKey: ["reports"], queryFn: ({ signal }) => source.reports(signal), staleTime: Infinity });

export const rowsQuery = (source: DataSource, report: ReportRef) =>
  queryOptions({
    queryKey: ["rows", report.variant, report.version],
    queryFn: ({ signal }) => source.rows(report, signal),
    staleTime: Infinity,
    // Columns are large: let those of a report that was left go soon. They are never patched, so sharing structure would only cost.
    gcTime: 60_000,
    structuralSharing: false,
  });

export const modelQuery = (source: DataSource, report: ReportRef) =>
  queryOptions({
    queryKey: ["model", report.variant, report.version],
    queryFn: ({ signal }) => source.model(report, signal),
    staleTime: Infinity,
  });

export const sequenceQuery = (source: DataSource, report: ReportRef, key: string) =>
  queryOptions({
    queryKey: ["sequence", report.variant, report.version, key],
    queryFn: ({ signal }) => source.sequence(report, key, signal),
    staleTime: 60_000,
    gcTime: 120_000,
  });

export const useReports = () => useQuery(reportsQuery(useDataSource()));
export const useModel = (report: ReportRef) => useQuery(modelQuery(useDataSource(), report));
export const useSequence = (report: ReportRef, key: string) => useQuery(sequenceQuery(useDataSource(), report, key));

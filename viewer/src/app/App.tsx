/** From nothing to a report on the screen: which reports there are, which one is wanted, its rows. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Empty, Failed, Loading } from "@/components/ui/States";
import type { ReportSummary } from "@/lib/api/types";
import { useDataSource } from "@/lib/data/dataSource";
import { rowsQuery, useReports } from "@/lib/data/queries";
import { openReport, ReportProvider } from "@/lib/report/report";
import { DeskProvider, useOpenDesk } from "@/lib/review/desk";
import { useViewPart } from "@/lib/view/store";
import { CrashGuard } from "./CrashGuard";
import { Shell } from "./Shell";
import { TopBar } from "./TopBar";
import { Workplace } from "./Workplace";

export function App() {
  const reports = useReports();
  const wantedVariant = useViewPart((view) => view.report).part;
  if (reports.isPending) return <Shell top={<TopBar reports={[]} current={null} />} main={<Loading what="the list of reports" />} />;
  if (reports.isError) {
    const retry = () => void reports.refetch();
    return <Shell top={<TopBar reports={[]} current={null} />} main={<Failed what="the reports" error={reports.error} onRetry={retry} />} />;
  }
  const latest = reports.data[0];
  if (latest === undefined) {
    return (
      <Shell
        top={<TopBar reports={[]} current={null} />}
        main={
          <Empty title="No report yet">
            <p>
              Run <code>triage score</code> on pulled sequences, or <code>triage demo</code> to see one.
            </p>
          </Empty>
        }
      />
    );
  }
  const wanted = wantedVariant === null ? latest : reports.data.find((report) => report.variant === wantedVariant);
  const top = <TopBar reports={reports.data} current={wanted ?? null} />;
  if (wanted === undefined) {
    return (
      <Shell
        top={top}
        main={
          <Empty title="There is no such report">
            <p>
              The address asks for <bdi>“{wantedVariant}”</bdi>. Choose one of the list above.
            </p>
          </Empty>
        }
      />
    );
  }
  return (
    <CrashGuard key={wanted.variant} fallback={(error) => <Shell top={top} main={<Failed what="the page" error={error} />} />}>
      <OpenReport summary={wanted} reports={reports.data} />
    </CrashGuard>
  );
}

function OpenReport({ summary, reports }: { summary: ReportSummary; reports: readonly ReportSummary[] }) {
  const rows = useQuery(rowsQuery(useDataSource(), summary));
  const table = rows.data;
  const desk = useOpenDesk(summary, table ?? null);
  const decisions = desk?.decisions ?? null;
  const opened = useMemo(() => (table === undefined ? null : openReport(summary, table)), [summary, table]);
  const report = useMemo(() => (opened === null ? null : { ...opened, decisions }), [opened, decisions]);
  const top = <TopBar reports={reports} current={summary} />;
  if (rows.isError) return <Shell top={top} main={<Failed what="the rows" error={rows.error} onRetry={() => void rows.refetch()} />} />;
  if (report === null) return <Shell top={top} main={<Loading what={`${summary.num_rows.toLocaleString("en")} rows`} />} />;
  return (
    <ReportProvider value={report}>
      <DeskProvider value={desk}>
        <Workplace top={top} />
      </DeskProvider>
    </ReportProvider>
  );
}

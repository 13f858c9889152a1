/** The breakdown per organization, largest first. */
import { countsAt, type BucketCounts } from "@/lib/columns/buckets";
import type { Report } from "@/lib/report/report";

export interface OrganizationLine {
  /** null = sequences without an organization; they cannot be filtered by name. */
  readonly name: string | null;
  readonly counts: BucketCounts;
}

export function organizationLines(report: Pick<Report, "table" | "scoresByOrganization">, threshold: number): readonly OrganizationLine[] {
  return report.scoresByOrganization
    .map((scores, code) => ({ name: report.table.organization.names[code] ?? null, counts: countsAt(scores, threshold) }))
    .filter(({ counts }) => counts.total > 0)
    .sort((a, b) => b.counts.total - a.counts.total);
}

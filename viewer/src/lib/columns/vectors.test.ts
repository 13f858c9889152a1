/** The same rows at the same thresholds, answered by `triage.report.rebucket` in Python and by this page. */
import { describe, expect, it } from "vitest";
import { tableOf, type TestRow } from "@/testing/rows";
import vectors from "../../../test-vectors/rebucket.json";
import { BUCKETS, bucketOf, countsAt, sortScores } from "./buckets";
import { outcomeOf } from "./outcomes";

const table = tableOf(
  vectors.rows.map((row) => ({
    id: Number(row.key.split("_")[1]),
    score: row.triage_score,
    hold: row.hold_reason,
    label: row.label as TestRow["label"] & string,
  })),
);

describe("rebucketing agrees with the report", () => {
  it("reads the format it was written for", () => {
    expect(vectors.format).toBe(1);
    expect(table.length).toBe(vectors.rows.length);
  });

  it.each(vectors.cases)("at $threshold", ({ threshold, triage_bucket, outcome, counts }) => {
    const rows = [...Array(table.length).keys()];
    expect(rows.map((row) => BUCKETS[bucketOf(table, row, threshold)])).toEqual(triage_bucket);
    expect(rows.map((row) => outcomeOf(table, row, threshold))).toEqual(outcome);
    expect(countsAt(sortScores(table), threshold)).toMatchObject(counts);
  });
});

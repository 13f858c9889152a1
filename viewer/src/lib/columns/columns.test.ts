import { describe, expect, it } from "vitest";
import { tableOf } from "@/testing/rows";
import { orderByName, orderByNumber } from "./argsort";
import { countBelow, countsAt, sortScores, sortScoresBy } from "./buckets";
import { BadRows, decodeRows } from "./decode";
import { filterRows, isUnfiltered, NO_FILTERS, type Filters } from "./filter";
import { binCounts, splitBins } from "./histogram";
import { Orders } from "./order";
import { confusionAt, sortScoresByLabel } from "./outcomes";
import { nearestSweepRow, sweep, SWEEP_THRESHOLDS } from "./sweep";
import { tableFromArrays, tableToIPC } from "apache-arrow";

const table = tableOf([
  { id: 1, score: 0.9, organization: "Ardèche", camera: "Cam 10", startedAt: "2026-05-01T23:59:00Z", label: "smoke", alert: 7 },
  { id: 2, score: 0.35, organization: "Var", camera: "Cam 9", startedAt: "2026-05-02T00:00:00Z", label: "fp", alert: 7 },
  { id: 3, score: 0.1, organization: "Ardèche", camera: "Cam 9", startedAt: null, label: "smoke" },
  { id: 4, score: null, organization: null, camera: null, startedAt: "2026-05-03T12:00:00Z", label: "fp" },
  { id: 12, score: 0.8, hold: "frame_missing", organization: "Var", camera: "Cam 9", startedAt: "2026-04-01T00:00:00Z" },
]);
const undecided = () => false;
const byKey = new Orders(table).rows({ column: "key", descending: false }, 0.35, null);
const ids = (filters: Partial<Filters>, threshold = 0.35, decided = undecided as (row: number) => boolean) =>
  [...filterRows(table, { ...NO_FILTERS, ...filters }, threshold, byKey, decided)].map((row) => table.sequenceId[row]);

describe("parts of a queue", () => {
  // The numbers are those of tests/review/test_where.py: CRC-32 of the name in UTF-8, no name like an empty one.
  const cameras = ["mast 1", "été", null, "b", "c"];
  const shared = tableOf(cameras.map((camera, id) => ({ id, score: 0.1, camera })));
  const part = (name: string) =>
    [...filterRows(shared, { ...NO_FILTERS, part: name }, 0.35, Uint32Array.from([0, 1, 2, 3, 4]), undecided)];

  it("keep a camera together", () => {
    expect(["1/3 by camera", "2/3 by camera", "3/3 by camera"].map(part)).toEqual([[1, 2, 4], [], [0, 3]]);
  });

  it("hold every sequence once", () => {
    expect([...part("1/2"), ...part("2/2")].sort()).toEqual([0, 1, 2, 3, 4]);
  });
});

describe("decoding", () => {
  it("keeps null apart from zero", () => {
    expect(table.score[3]).toBeNaN();
    expect(table.organization.codes[3]).toBe(-1);
    expect(table.startedAt[0]).toBe(Date.parse("2026-05-01T23:59:00Z"));
  });

  it("finds rows by key", () => {
    expect(table.rowOf("pyro-annotator_12")).toBe(4);
    expect(table.rowOf("pyro-annotator_99")).toBe(-1);
  });

  it("names the missing column", () => {
    const bytes = tableToIPC(tableFromArrays({ key: ["a"] }), "stream");
    expect(() => decodeRows(bytes)).toThrow(new BadRows('rows.arrow has no column "triage_score"; it has: key'));
  });

  it("reads a report without rows", () => {
    expect(tableOf([]).length).toBe(0);
  });
});

describe("buckets", () => {
  it("counts by binary search what the rule says row by row", () => {
    expect(countsAt(sortScores(table), 0.35)).toEqual({ review: 2, unlabeled: 1, hold: 2, total: 5 });
    expect(countsAt(sortScores(table), 0)).toEqual({ review: 3, unlabeled: 0, hold: 2, total: 5 });
    expect(countsAt(sortScores(table), 1)).toEqual({ review: 0, unlabeled: 3, hold: 2, total: 5 });
  });

  it("groups by organization, rows without one last", () => {
    const groups = sortScoresBy(table, table.organization).map((scores) => countsAt(scores, 0.35));
    expect(table.organization.names).toEqual(["Ardèche", "Var"]);
    expect(groups).toEqual([
      { review: 1, unlabeled: 1, hold: 0, total: 2 },
      { review: 1, unlabeled: 0, hold: 1, total: 2 },
      { review: 0, unlabeled: 0, hold: 1, total: 1 },
    ]);
  });

  it("counts values below, not at, the cut", () => {
    expect(countBelow(Float64Array.of(0.1, 0.35, 0.35, 0.9), 0.35)).toBe(1);
    expect(countBelow(Float64Array.of(), 0.35)).toBe(0);
  });
});

describe("order", () => {
  it("is stable and puts null last in both directions", () => {
    const column = Float64Array.of(0.5, NaN, -1, 0.5, 0, -0);
    expect([...orderByNumber(column, false)]).toEqual([2, 4, 5, 0, 3, 1]);
    expect([...orderByNumber(column, true)]).toEqual([0, 3, 4, 5, 2, 1]);
  });

  it("agrees with a comparator on many numbers of both signs and all sizes", () => {
    let seed = 7;
    const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
    const column = Float64Array.from({ length: 2000 }, () => (random() - 0.5) * 10 ** (random() * 30 - 15));
    const expected = [...column.keys()].sort((a, b) => column[a]! - column[b]!);
    expect([...orderByNumber(column, false)]).toEqual(expected);
    expect([...orderByNumber(column, true)]).toEqual(expected.reverse());
  });

  it("orders names as people do: accents and numbers", () => {
    expect([...orderByName(table.camera, false)]).toEqual([1, 2, 4, 0, 3]);
    expect([...orderByName(table.camera, true)]).toEqual([0, 1, 2, 4, 3]);
  });

  it("orders buckets at the threshold given", () => {
    const orders = new Orders(table);
    expect([...orders.rows({ column: "bucket", descending: true }, 0.35, null)]).toEqual([3, 4, 2, 0, 1]);
    expect([...orders.rows({ column: "bucket", descending: true }, 0.5, null)]).toEqual([3, 4, 1, 2, 0]);
  });

  it("orders decisions as given, undecided first", () => {
    expect([...new Orders(table).rows({ column: "decision", descending: false }, 0.35, Uint8Array.of(2, 0, 1, 0, 0))]).toEqual([1, 3, 4, 2, 0]);
  });
});

describe("filters", () => {
  it("pass everything when empty", () => {
    expect(isUnfiltered(NO_FILTERS)).toBe(true);
    expect(isUnfiltered({ ...NO_FILTERS, scoreMin: 0 })).toBe(false);
    expect(ids({})).toEqual([1, 2, 3, 4, 12]);
  });

  it("take buckets at the threshold given", () => {
    expect(ids({ buckets: ["review"] })).toEqual([1, 2]);
    expect(ids({ buckets: ["review"] }, 0.36)).toEqual([1]);
    expect(ids({ buckets: ["hold", "unlabeled"] })).toEqual([3, 4, 12]);
  });

  it("combine conditions with and, alternatives with or", () => {
    expect(ids({ organizations: ["Var", "Ardèche"], cameras: ["Cam 9"] })).toEqual([2, 3, 12]);
    expect(ids({ organizations: ["Var"], buckets: ["hold"] })).toEqual([12]);
    expect(ids({ organizations: ["Nowhere"] })).toEqual([]);
  });

  it("never pass a row without a score or time through a bound", () => {
    expect(ids({ scoreMin: 0 })).toEqual([1, 2, 3]);
    expect(ids({ scoreMin: 0.35, scoreMax: 0.35 })).toEqual([2]);
    expect(ids({ to: "2027-01-01" })).toEqual([1, 2, 4, 12]);
  });

  it("include both days of a time range", () => {
    expect(ids({ from: "2026-05-01", to: "2026-05-01" })).toEqual([1]);
    expect(ids({ from: "2026-05-01", to: "2026-05-02" })).toEqual([1, 2]);
  });

  it("find words in key, organization, camera and hold reason", () => {
    expect(ids({ text: "ardÈche" })).toEqual([1, 3]);
    expect(ids({ text: "cam 9 var" })).toEqual([2, 12]);
    expect(ids({ text: "annotator_12" })).toEqual([12]);
    expect(ids({ text: "missing" })).toEqual([12]);
  });

  it("take hold reasons, alerts, outcomes and decisions", () => {
    expect(ids({ holdReasons: ["no_tube"] })).toEqual([4]);
    expect(ids({ alert: 7 })).toEqual([1, 2]);
    expect(ids({ outcomes: ["discarded-smoke"] })).toEqual([3]);
    expect(ids({ decided: true }, 0.35, (row) => row === 2)).toEqual([3]);
    expect(ids({ decided: false }, 0.35, (row) => row === 2)).toEqual([1, 2, 4, 12]);
  });

  it("keep the order they are given", () => {
    const order = new Orders(table).rows({ column: "score", descending: true }, 0.35, null);
    expect([...filterRows(table, { ...NO_FILTERS, organizations: ["Ardèche"] }, 0.35, order, undecided)]).toEqual([0, 2]);
  });
});

describe("histogram", () => {
  it("counts judged rows only, the last bin with its upper edge", () => {
    const scores = sortScores(tableOf([{ id: 1, score: 0 }, { id: 2, score: 0.5 }, { id: 3, score: 1 }, { id: 4, score: null }]));
    expect(binCounts(scores, 2)).toEqual([1, 2]);
  });

  it("splits the bin of the threshold exactly", () => {
    const scores = sortScores(table);
    expect(splitBins(binCounts(scores, 2), scores, 0.35)).toEqual([
      { from: 0, to: 0.5, unlabeled: 1, review: 1 },
      { from: 0.5, to: 1, unlabeled: 0, review: 1 },
    ]);
  });
});

describe("sweep", () => {
  it("agrees with the counts at each threshold", () => {
    const scores = sortScores(table);
    for (const row of sweep(scores)) expect(countsAt(scores, row.threshold)).toMatchObject({ review: row.review, unlabeled: row.unlabeled });
  });

  it("highlights the nearest row, the lower of two", () => {
    expect(SWEEP_THRESHOLDS[nearestSweepRow(0.36)]).toBe(0.35);
    expect(SWEEP_THRESHOLDS[nearestSweepRow(0.175)]).toBe(0.2);
    expect(SWEEP_THRESHOLDS[nearestSweepRow(0.15)]).toBe(0.1);
    expect(SWEEP_THRESHOLDS[nearestSweepRow(0)]).toBe(0.05);
  });
});

describe("outcomes", () => {
  it("count labelled rows and leave held ones out of the shares", () => {
    expect(confusionAt(sortScoresByLabel(table), 0.35)).toEqual({
      smoke: { review: 1, unlabeled: 1, hold: 0, total: 2 },
      fp: { review: 1, unlabeled: 0, hold: 1, total: 2 },
      recall: 0.5,
      discarded: 0,
    });
  });

  it("are undefined, not zero, without labels", () => {
    expect(confusionAt(sortScoresByLabel(tableOf([{ id: 1, score: 0.5 }])), 0.35)).toMatchObject({ recall: null, discarded: null });
  });
});

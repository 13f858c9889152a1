import { describe, expect, it } from "vitest";
import { noDecisions, withDecisions } from "@/lib/review/decisions";
import { tableOf } from "@/testing/rows";
import { fitting, nextPage, outcomeOf, proposed, toggled } from "./sweep";

const table = tableOf([
  { id: 1, score: 0.1 },
  { id: 2, score: 0.2 },
  { id: 3, score: 0.9 },
  { id: 4, score: null },
  { id: 5, score: 0.3 },
]);
const drawn = (page: number[]) => new Map(page.map((row) => [row, true]));
const rows = Uint32Array.from([0, 1, 2, 3, 4]);

describe("a page", () => {
  it("holds the first rows that are neither decided nor put aside", () => {
    const decisions = withDecisions(noDecisions(5), [[0, "tree"]]);
    expect(nextPage(rows, decisions, new Set([1]), 2)).toEqual([2, 3]);
  });
});

describe("what Space would decide", () => {
  it("pre-marks only what the model would discard", () => {
    expect([0, 1, 2, 3].map((row) => proposed(table, row, 0.35, "unlabeled", new Map()))).toEqual(["unlabeled", "unlabeled", null, null]);
    expect(proposed(table, 1, 0.15, "unlabeled", new Map())).toBeNull();
  });

  it("follows marks, groups by decision, and puts exceptions aside", () => {
    const marks = toggled(new Map([[2, "smoke:wildfire"]]), 1, "dust", "dust");
    const { decided, aside, waiting } = outcomeOf(table, [0, 1, 2, 3, 4], 0.35, "dust", marks, drawn([0, 1, 2, 3, 4]));
    expect([...decided]).toEqual([
      ["dust", [0, 4]],
      ["smoke:wildfire", [2]],
    ]);
    expect(aside).toEqual([1, 3]);
    expect(waiting).toEqual([]);
  });

  it("never accepts what was not drawn", () => {
    const shown = new Map([
      [0, true],
      [1, false],
    ]);
    const { decided, aside, waiting } = outcomeOf(table, [0, 1, 4], 0.35, "dust", new Map(), shown);
    expect([...decided]).toEqual([["dust", [0]]]);
    expect(aside).toEqual([1]);
    expect(waiting).toEqual([4]);
  });

  it("holds only tiles that are in sight as a whole", () => {
    expect([fitting(500, 5, 200), fitting(100, 5, 200)]).toEqual([10, 5]);
  });

  it("turns an exception back into what is proposed", () => {
    expect(proposed(table, 3, 0.35, "dust", toggled(new Map(), 3, null, "dust"))).toBe("dust");
  });
});

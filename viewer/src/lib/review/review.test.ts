import { Bool, Dictionary, Int32, Table, tableToIPC, Utf8, vectorFromArray } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { NO_FILTERS } from "@/lib/columns/filter";
import { decodeDecisions, isDecided, isDone, noDecisions, saidOf, sortCodes, withDecisions, wordsAt } from "./decisions";
import { alwaysOn, decisionKeys, remapped, withType } from "./vocabulary";
import { quote, whereIds, whereOf } from "./where";

describe("filters as an expression", () => {
  it("says everything that is filtered, in one order", () => {
    const where = whereOf({
      buckets: ["unlabeled"],
      organizations: ["sdis-07", "Forêt d'Ardèche"],
      cameras: ['a "quoted" \\ name'],
      holdReasons: ["no_tube"],
      outcomes: ["kept-fp"],
      scoreMin: 0.1,
      scoreMax: 0.25,
      from: "2026-05-01",
      to: "2026-05-31",
      alert: 7,
      decided: false,
      said: "mine",
      part: "2/5",
      text: "cam  été",
    });
    expect(where).toBe(
      'bucket = unlabeled and organization in (sdis-07, "Forêt d\'Ardèche") and camera = "a \\"quoted\\" \\\\ name" and hold_reason = no_tube ' +
        "and outcome = kept-fp and score >= 0.1 and score <= 0.25 and started_at >= 2026-05-01 and started_at < 2026-06-01 and alert = 7 " +
        'and mine and part = 2/5 and not decided and text ~ cam and text ~ "été"',
    );
  });

  it("selects everything when nothing is filtered", () => {
    expect(whereOf(NO_FILTERS)).toBe("all");
  });

  it("says a part by camera as the server reads it", () => {
    expect(whereOf({ ...NO_FILTERS, part: "2/5 by camera" })).toBe("camera_part = 2/5");
  });

  it("quotes the language's own words", () => {
    expect([quote("and"), quote("NOT"), quote("mast-2"), quote("")]).toEqual(['"and"', '"NOT"', "mast-2", '""']);
  });

  it("names one or a few sequences", () => {
    expect([whereIds([5]), whereIds([5, 7])]).toEqual(["sequence_id = 5", "sequence_id in (5, 7)"]);
  });
});

describe("decisions over rows", () => {
  const bytes = () => {
    const table = new Table({
      row: vectorFromArray([0, 2, 3, 4], new Int32()),
      words: vectorFromArray(["antenna", "smoke:wildfire / tree", "later", "antenna"], new Dictionary(new Utf8(), new Int32())),
      reviewer: vectorFromArray(["ana", "ana, bob", "bob", "bob"], new Dictionary(new Utf8(), new Int32())),
      decided: vectorFromArray([true, false, false, true], new Bool()),
      disagreement: vectorFromArray([false, true, false, false], new Bool()),
    });
    return tableToIPC(table, "stream").buffer as ArrayBuffer;
  };

  it("reads an answer of the server", () => {
    const decisions = decodeDecisions(bytes(), 6, "ana");
    expect([0, 1, 2, 3, 4].map((row) => wordsAt(decisions, row))).toEqual(["antenna", null, "disagreement", "later", "antenna"]);
    expect([0, 1, 2, 3, 4].map((row) => isDecided(decisions, row))).toEqual([true, false, false, false, true]);
    expect([0, 2, 3].map((row) => saidOf(decisions, row, "mine"))).toEqual([true, true, false]);
    expect([decisions.decided, decisions.disagreements]).toEqual([2, 1]);
    expect(saidOf(decisions, 2, "disagreement")).toBe(true);
  });

  it("draws a decision at once and leaves the old object alone", () => {
    const before = noDecisions(3);
    const after = withDecisions(before, [[1, "tree"]]);
    expect([wordsAt(before, 1), wordsAt(after, 1), after.decided]).toEqual([null, "tree", 1]);
    expect(wordsAt(withDecisions(after, [[1, "none"]]), 1)).toBeNull();
  });

  it("offers for a second look what others decided, and hides what they said until one has decided", () => {
    const decisions = decodeDecisions(bytes(), 6, "ana");
    expect([0, 2, 3, 4].map((row) => saidOf(decisions, row, "second_look"))).toEqual([false, false, false, true]);
    expect([decisions.own, decisions.second]).toEqual([2, 1]);
    const blind = { ...decisions, blind: true };
    expect([0, 1, 4].map((row) => wordsAt(blind, row))).toEqual(["antenna", null, "hidden"]);
    expect([0, 4].map((row) => isDone(blind, row))).toEqual([true, false]);
    expect(isDone(decisions, 4)).toBe(true);
    // Sorting by decision tells nothing about it: both hidden ones are alike.
    const codes = sortCodes(blind);
    expect(codes[3]).toBe(codes[4]);
    expect(wordsAt(withDecisions(blind, [[4, "dust"]]), 4)).toBe("dust");
  });

  it("shows nothing where a source takes no decisions", () => {
    expect([wordsAt(null, 0), isDecided(null, 0), saidOf(null, 0, "mine")]).toEqual([null, false, false]);
  });
});

describe("keys", () => {
  const keys = decisionKeys({
    smoke_types: [{ name: "wildfire", key: "1" }],
    false_positive_types: [
      { name: "antenna", key: "a" },
      { name: "other", key: "x" },
    ],
    actions: { unsure: "u" },
  });

  it("are the annotators' own", () => {
    expect(keys.map(({ key, words }) => `${key} ${words}`)).toEqual([
      "1 smoke:wildfire",
      "a antenna",
      "x false_positive:other",
      "u unsure",
      "y later",
      "z none",
    ]);
  });

  it("make several types of one, and take one away again", () => {
    expect([withType(keys, null, "antenna"), withType(keys, "unsure", "antenna"), withType(keys, "smoke:wildfire", "antenna")]).toEqual([
      "antenna", "antenna", "antenna",
    ]);
    expect(withType(keys, "antenna", "false_positive:other")).toBe("antenna+other");
    expect(withType(keys, "antenna+other", "antenna")).toBe("false_positive:other");
    expect(withType(keys, "antenna", "antenna")).toBe("antenna");
  });

  it("can be given to another decision, and then mean only that", () => {
    const mine = remapped(keys, { antenna: "x" });
    expect(mine.find((entry) => entry.words === "antenna")?.key).toBe("x");
    expect(mine.find((entry) => entry.words === "false_positive:other")?.key).toBe("");
  });

  it("of digits decide at any time", () => {
    expect([alwaysOn("1"), alwaysOn("a"), alwaysOn("0")]).toEqual([true, false, false]);
  });
});


import { describe, expect, it } from "vitest";
import { DETAIL } from "@/testing/detail";
import { metadata, rule, verdict } from "./facts";
import { neighbourhood } from "./neighbourhood";
import { changeSpeed, nextPlayable, stepTo, type FrameState } from "./player";
import { boxesOf, cellText, colourOf, orderedTubes, slotOf, timeline } from "./tubes";

const tube = orderedTubes(DETAIL)[0]!;

describe("tubes", () => {
  it("come decisive first", () => {
    expect(orderedTubes(DETAIL).map(({ tube_id }) => tube_id)).toEqual([0, 1]);
    expect(colourOf(DETAIL, 1)).toBe(1);
  });

  it("have a timeline over all slots", () => {
    expect(timeline(tube, DETAIL).map(({ kind, padded, frame }) => [kind, padded, frame])).toEqual([
      ["observed", true, 0],
      ["observed", false, 0],
      ["gap", false, 1],
      ["observed", false, 2],
      ["outside", true, 2],
    ]);
    expect(cellText(timeline(tube, DETAIL)[1]!)).toBe("Slot 1 (frame 1): box observed, first crossing");
    expect(cellText(timeline(tube, DETAIL)[4]!)).toBe("Slot 4 (frame 3): no box of this tube, padded");
  });

  it("still have one when the slots are not known", () => {
    expect(timeline(tube, { slots: [], padded_slots: [] }).map(({ frame }) => frame)).toEqual([null, null, null, null]);
  });
});

describe("slots", () => {
  it("prefer the real one over its copies", () => {
    expect(slotOf(DETAIL, 0)).toBe(1);
    expect(slotOf(DETAIL, 2)).toBe(3);
    expect(slotOf({ slots: [0, 0], padded_slots: [0, 1] }, 0)).toBe(0);
  });

  it("are null for a frame that the model never saw", () => {
    expect(slotOf(DETAIL, 3)).toBeNull();
  });
});

describe("boxes", () => {
  it("know their tube, or that they have none", () => {
    expect(boxesOf(DETAIL, 0)).toEqual([
      { corners: [0.1, 0.2, 0.3, 0.4], confidence: 0.8, tubeId: 0 },
      { corners: [0.7, 0.7, 0.8, 0.9], confidence: 0.2, tubeId: null },
    ]);
  });

  it("include what was interpolated over a gap, without a confidence", () => {
    const [box] = boxesOf(DETAIL, 1);
    expect(box).toMatchObject({ confidence: null, tubeId: 0 });
  });

  it("fall back to the tubes' own when the detector's are not known", () => {
    expect(boxesOf(DETAIL, 2).map(({ tubeId, confidence }) => [tubeId, confidence])).toEqual([
      [1, 0.4],
      [0, 0.7],
    ]);
  });
});

describe("the player", () => {
  const ready = { kind: "ready", image: {} as ImageBitmap } satisfies FrameState;
  const states: FrameState[] = [ready, { kind: "loading" }, { kind: "missing", reason: "gone" }, ready];

  it("plays decoded frames only, round the end", () => {
    expect(nextPlayable(states, 0)).toBe(3);
    expect(nextPlayable(states, 3)).toBe(0);
    expect(nextPlayable([ready], 0)).toBe(0);
    expect(nextPlayable([], 0)).toBe(0);
  });

  it("steps by hand to any frame within the ends", () => {
    expect(stepTo(4, 2)).toBe(2);
    expect(stepTo(4, -1)).toBe(0);
    expect(stepTo(4, 4)).toBe(3);
  });

  it("changes speed within the list", () => {
    expect(changeSpeed(2, 1)).toBe(4);
    expect(changeSpeed(8, 1)).toBe(8);
    expect(changeSpeed(1, -1)).toBe(1);
    expect(changeSpeed(99, 1)).toBe(1);
  });
});

describe("facts", () => {
  it("say what is known and nothing else", () => {
    expect(metadata(DETAIL)).toContainEqual(["Labelled as", "wildfire"]);
    expect(metadata(DETAIL).map(([name]) => name)).not.toContain("Group");
    expect(verdict(DETAIL)).toContainEqual(["Tubes kept", "2 of 4"]);
    expect(verdict(DETAIL)).toContainEqual(["Padded", "3 frames to 5 slots"]);
  });

  it("explain the rule with the model's own threshold", () => {
    expect(rule(DETAIL)).toBe("Score = the largest calibrated probability of the kept tubes. The model itself would fire at 0.42.");
    expect(rule({ ...DETAIL, aggregation: null })).toBeNull();
  });
});

describe("the neighbourhood", () => {
  const rows = Uint32Array.of(9, 4, 7, 1, 0, 5);

  it("is the next three and the previous one", () => {
    expect(neighbourhood(rows, 4)).toEqual({ next: [7, 1, 0], previous: [9] });
    expect(neighbourhood(rows, 9)).toEqual({ next: [4, 7, 1], previous: [] });
    expect(neighbourhood(rows, 5)).toEqual({ next: [], previous: [0] });
  });

  it("is empty for a sequence outside the list", () => {
    expect(neighbourhood(rows, 8)).toEqual({ next: [], previous: [] });
  });
});

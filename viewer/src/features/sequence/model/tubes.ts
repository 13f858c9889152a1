/** What the detail mode draws from a sequence's tubes: timelines by slot, boxes by frame. Pure. */
import type { SequenceDetail, TubeOut } from "@/lib/api/types";

/** (x1, y1, x2, y2), normalised to the image. */
export type Corners = readonly [number, number, number, number];

/** One slot of one tube's timeline. */
export interface Cell {
  readonly slot: number;
  /** Input frame that the slot shows; null = not known. */
  readonly frame: number | null;
  readonly kind: "observed" | "gap" | "outside";
  /** The slot repeats another one: the sequence was shorter than the model wants. */
  readonly padded: boolean;
  readonly firstCrossing: boolean;
}

export function timeline(tube: TubeOut, detail: Pick<SequenceDetail, "slots" | "padded_slots">): readonly Cell[] {
  const entries = new Map(tube.entries.map((entry) => [entry.frame_idx, entry]));
  const padded = new Set(detail.padded_slots);
  const length = Math.max(detail.slots.length, tube.end_frame + 1);
  return Array.from({ length }, (_, slot) => {
    const entry = entries.get(slot);
    return {
      slot,
      frame: detail.slots[slot] ?? null,
      kind: entry === undefined ? "outside" : entry.is_gap || entry.bbox === null ? "gap" : "observed",
      padded: padded.has(slot),
      firstCrossing: slot === tube.first_crossing_frame,
    };
  });
}

/** "Slot 3, frame 1 of the sequence: observed, padded, first crossing". */
export function cellText(cell: Cell): string {
  const kind = { observed: "box observed", gap: "gap", outside: "no box of this tube" }[cell.kind];
  const frame = cell.frame === null ? "" : ` (frame ${cell.frame + 1})`;
  return `Slot ${cell.slot}${frame}: ${kind}${cell.padded ? ", padded" : ""}${cell.firstCrossing ? ", first crossing" : ""}`;
}

/** The real (not padded) slot that shows an input frame; a padded one when there is no other; null = the model never saw the frame. */
export function slotOf(detail: Pick<SequenceDetail, "slots" | "padded_slots">, frame: number): number | null {
  const padded = new Set(detail.padded_slots);
  const slots = detail.slots.flatMap((shown, slot) => (shown === frame ? [slot] : []));
  return slots.find((slot) => !padded.has(slot)) ?? slots[0] ?? null;
}

export interface DrawnBox {
  readonly corners: Corners;
  /** The detector's, 0..1; null = not a detector's box but an interpolated one. */
  readonly confidence: number | null;
  /** Tube that the box belongs to; null = the model dropped it. */
  readonly tubeId: number | null;
}

/** All boxes of one input frame: the detector's, each with its tube, and those interpolated over gaps. */
export function boxesOf(detail: SequenceDetail, frame: number): readonly DrawnBox[] {
  const slot = slotOf(detail, frame);
  const entries = detail.tubes.flatMap((tube) =>
    tube.entries
      .filter((entry) => entry.frame_idx === slot && entry.bbox !== null)
      .map((entry) => ({ tubeId: tube.tube_id, isGap: entry.is_gap, corners: cornersOf(entry.bbox!), confidence: entry.confidence })),
  );
  const detected = detail.frames[frame]?.boxes ?? null;
  const drawn: DrawnBox[] = (detected ?? []).map(({ xyxyn, confidence }) => ({
    corners: xyxyn,
    confidence,
    tubeId: entries.find((entry) => !entry.isGap && near(entry.corners, xyxyn))?.tubeId ?? null,
  }));
  for (const entry of entries) {
    // Reports of the earlier tool come without the detector's boxes: there the tubes' own observations are all that is known.
    if (entry.isGap) drawn.push({ corners: entry.corners, confidence: null, tubeId: entry.tubeId });
    else if (detected === null) drawn.push({ corners: entry.corners, confidence: entry.confidence, tubeId: entry.tubeId });
  }
  return drawn;
}

function cornersOf([cx, cy, w, h]: readonly [number, number, number, number]): Corners {
  return [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2];
}

const near = (a: Corners, b: Corners) => a.every((value, index) => Math.abs(value - b[index]!) < 1e-5);

/** The decisive tube first, then by probability. */
export function orderedTubes(detail: Pick<SequenceDetail, "tubes">): readonly TubeOut[] {
  return detail.tubes.toSorted(
    (a, b) => Number(b.is_decisive) - Number(a.is_decisive) || strength(b) - strength(a),
  );
}

/** What a tube speaks for smoke with; one whose numbers are unusable comes last. */
const strength = (tube: TubeOut) => tube.probability ?? tube.logit ?? -Infinity;

/** Colour number of a tube: 0 is the decisive one's. */
export const colourOf = (detail: Pick<SequenceDetail, "tubes">, tubeId: number): number =>
  orderedTubes(detail).findIndex((tube) => tube.tube_id === tubeId);

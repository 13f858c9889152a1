/** The player's rules, apart from clocks and pixels. */

/** One input frame as the player knows it. */
export type FrameState =
  | { readonly kind: "loading" }
  | { readonly kind: "ready"; readonly image: ImageBitmap }
  | { readonly kind: "missing"; readonly reason: string };

/** Why a frame is missing, in a person's words. */
export function reasonOf(error: unknown): string {
  if (error instanceof DOMException) return "the file is not a whole image";
  return error instanceof Error ? error.message : String(error);
}

export const SPEEDS: readonly number[] = [1, 2, 4, 8];
/** Frames per second. */
export const START_SPEED = 2;

/** Where playing goes next: the next decoded frame, round the end; the same when there is no other. */
export function nextPlayable(states: readonly FrameState[], index: number): number {
  for (let step = 1; step <= states.length; step++) {
    const candidate = (index + step) % states.length;
    if (states[candidate]!.kind === "ready") return candidate;
  }
  return index;
}

/** Where a person's own step goes: any frame, also a missing one, which says what it lacks; kept within the ends. */
export const stepTo = (count: number, index: number): number => Math.max(0, Math.min(count - 1, index));

export const changeSpeed = (speed: number, by: 1 | -1): number =>
  SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, SPEEDS.indexOf(speed) + by))] ?? START_SPEED;

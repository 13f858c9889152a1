/** How tiles fill the width: as many lanes as fit at the wanted size, then stretched so that nothing is left over. */
export const GAP = 10;
export const FOOT = 46;

export interface Lanes {
  readonly count: number;
  /** Side of a tile's square picture, pixels. */
  readonly side: number;
  /** Height of a row of tiles with its gap, pixels. */
  readonly rowHeight: number;
}

export function lanesOf(width: number, wanted: number): Lanes {
  const count = Math.max(1, Math.floor((width + GAP) / (wanted + GAP)));
  const side = Math.max(1, Math.floor((width - GAP * (count - 1)) / count));
  return { count, side, rowHeight: side + FOOT + GAP };
}

const SIZES = [96, 160, 224, 320, 480];

/** The size to ask the server for: few sizes, so that its cache and the browser's are hit; never smaller than drawn. */
export const pictureSize = (side: number, density: number): number =>
  SIZES.find((size) => size >= side * Math.min(density, 2)) ?? SIZES[SIZES.length - 1]!;

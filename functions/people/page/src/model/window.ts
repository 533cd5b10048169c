/** Which rows of a long list are drawn: those in sight, and some around. Rows are of one height. */

export interface Window {
  /** The first row drawn. */
  readonly first: number;
  /** The one behind the last row drawn. */
  readonly end: number;
}

const AROUND = 4;

/** The rows to draw of `count`, `row_px` high each, in a box of `box_px` scrolled down by `top_px`. */
export function windowOf(count: number, row_px: number, box_px: number, top_px: number): Window {
  const first = Math.max(0, Math.floor(top_px / row_px) - AROUND);
  const end = Math.min(count, Math.ceil((top_px + box_px) / row_px) + AROUND);
  return { first: Math.min(first, Math.max(0, end)), end };
}

/** Where to scroll so that `row` is in sight with a row around it where there is room; the same `top_px` where it is already. */
export function scrolledTo(row: number, row_px: number, box_px: number, top_px: number): number {
  const around = box_px >= 3 * row_px ? 1 : 0;
  const above = Math.max(0, (row - around) * row_px);
  const below = Math.min((row + 1 + around) * row_px - box_px, above);
  if (top_px > above) return above;
  return top_px < below ? below : top_px;
}

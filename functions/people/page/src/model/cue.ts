/** The cue: a caption as a person works on it. */

/** One caption. Never changed in place: an edit makes a new one, so that whatever was computed of it can be kept by it. */
export interface Cue {
  /** Stays the same through all edits, and is nobody else's in the same order. */
  readonly id: string;
  /** When it appears, in milliseconds from the start of the media. */
  readonly start_ms: number;
  /** When it goes. */
  readonly end_ms: number;
  /** Plain text; lines are parted by line feeds. */
  readonly text: string;
  /** Who speaks; empty where nobody said. */
  readonly speaker: string;
}

/** All cues of an order, by their start. */
export type Cues = readonly Cue[];

/** A new id. Random, so that two tabs never give out the same. */
export function newId(): string {
  return crypto.randomUUID();
}

/** The cues by start, then by end; those that start and end together stay as they are. */
export function ordered(cues: Cues): Cues {
  const isOrdered = cues.every((cue, index) => {
    const before = cues[index - 1];
    return before === undefined || compare(before, cue) <= 0;
  });
  return isOrdered ? cues : cues.toSorted(compare);
}

function compare(one: Cue, other: Cue): number {
  return one.start_ms - other.start_ms || one.end_ms - other.end_ms;
}

/** Whether two cues say the same at the same time. */
export function isSame(one: Cue, other: Cue): boolean {
  return (
    one.start_ms === other.start_ms &&
    one.end_ms === other.end_ms &&
    one.text === other.text &&
    one.speaker === other.speaker
  );
}

/** The last cue that has begun at `at_ms`; -1 before the first. */
export function indexAt(cues: Cues, at_ms: number): number {
  let low = 0;
  let high = cues.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cues[middle]?.start_ms ?? Infinity) <= at_ms) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** What of a source is shown at the same time as a cue. */

import type { Cue, Cues } from './cue';

/** The source cues that overlap `cue`, or where none does, the last one before it. Both sides are by start. */
export function beside(cue: Cue, source: Cues): Cues {
  const overlapping = source.filter((one) => one.start_ms < cue.end_ms && one.end_ms > cue.start_ms);
  if (overlapping.length > 0) {
    // A cue that only touches by its edge is its neighbour's.
    const shared = (one: Cue): number => Math.min(one.end_ms, cue.end_ms) - Math.max(one.start_ms, cue.start_ms);
    const most = Math.max(...overlapping.map(shared));
    return overlapping.filter((one) => shared(one) * 4 >= most);
  }
  const before = source.findLast((one) => one.start_ms <= cue.start_ms);
  return before === undefined ? [] : [before];
}

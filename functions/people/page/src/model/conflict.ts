/** Two drafts of the same order, and one made of both: nothing of either is dropped unless a person says so. */

import { type Cue, type Cues, isSame, ordered } from './cue';

export type Side = 'mine' | 'theirs';

/** A cue that the two drafts have differently. Null: that side has none. */
export interface Difference {
  readonly id: string;
  readonly mine: Cue | null;
  readonly theirs: Cue | null;
  /** Which side alone has changed since both were the same; null where both have, and a person must choose. */
  readonly changed: Side | null;
}

function byId(cues: Cues): Map<string, Cue> {
  return new Map(cues.map((cue) => [cue.id, cue]));
}

function same(one: Cue | null, other: Cue | null): boolean {
  return one === null || other === null ? one === other : isSame(one, other);
}

/** Where two drafts differ, by time. `base` is what both began from, as far as known. */
export function differences(base: Cues, mine: Cues, theirs: Cues): Difference[] {
  const bases = byId(base);
  const mines = byId(mine);
  const others = byId(theirs);
  const ids = new Set([...mines.keys(), ...others.keys()]);
  const found: Difference[] = [];
  for (const id of ids) {
    const [was, ours, other] = [bases.get(id) ?? null, mines.get(id) ?? null, others.get(id) ?? null];
    if (same(ours, other)) continue;
    const changed = same(was, other) ? 'mine' : same(was, ours) ? 'theirs' : null;
    found.push({ id, mine: ours, theirs: other, changed });
  }
  const at = (difference: Difference): number => (difference.mine ?? difference.theirs)?.start_ms ?? 0;
  return found.toSorted((one, other) => at(one) - at(other));
}

/** One draft of two: of each difference the side that was chosen, or that alone changed, or mine. */
export function resolve(base: Cues, mine: Cues, theirs: Cues, chosen: ReadonlyMap<string, Side>): Cues {
  const merged = byId(mine);
  for (const difference of differences(base, mine, theirs)) {
    const side = chosen.get(difference.id) ?? difference.changed ?? 'mine';
    const cue = side === 'mine' ? difference.mine : difference.theirs;
    if (cue === null) merged.delete(difference.id);
    else merged.set(difference.id, cue);
  }
  return ordered([...merged.values()]);
}

/** Search and replace in the text of cues. */

import type { Cue, Cues } from './cue';

export interface Query {
  readonly text: string;
  readonly matchCase: boolean;
  readonly wholeWords: boolean;
}

/** Where something was found: in the cue at `index`, from `start` up to `end` of its text (UTF-16 units, as the DOM counts). */
export interface Found {
  readonly index: number;
  readonly start: number;
  readonly end: number;
}

function expression(query: Query): RegExp | null {
  if (query.text === '') return null;
  const escaped = query.text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&').replaceAll(/\s+/g, '\\s+');
  const source = query.wholeWords ? `(?<![\\p{L}\\p{M}\\p{N}_])${escaped}(?![\\p{L}\\p{M}\\p{N}_])` : escaped;
  return new RegExp(source, query.matchCase ? 'gu' : 'giu');
}

/** Every place, from the first cue to the last. What is written over two lines of a cue is found too. */
export function search(cues: Cues, query: Query): Found[] {
  const wanted = expression(query);
  if (wanted === null) return [];
  return cues.flatMap((cue, index) =>
    [...cue.text.matchAll(wanted)].map((match) => ({
      index,
      start: match.index,
      end: match.index + match[0].length,
    })),
  );
}

/** The first place behind a caret, going round to the start; null where there is none. */
export function nextFound(found: readonly Found[], index: number, caret: number): Found | null {
  const after = found.find((place) => place.index > index || (place.index === index && place.start >= caret));
  return after ?? found[0] ?? null;
}

/** Puts `by` in one place. */
export function replaceOne(cues: Cues, place: Found, by: string): Cues {
  const cue = cues[place.index];
  if (cue === undefined) return cues;
  const text = cue.text.slice(0, place.start) + by + cue.text.slice(place.end);
  return text === cue.text ? cues : cues.with(place.index, { ...cue, text });
}

/** Puts `by` in every place; the same array where nothing is found. `by` is text: `$1` is no more than that. */
export function replaceAll(cues: Cues, query: Query, by: string): Cues {
  const wanted = expression(query);
  if (wanted === null) return cues;
  const replaced = cues.map((cue): Cue => {
    const text = cue.text.replace(wanted, () => by);
    return text === cue.text ? cue : { ...cue, text };
  });
  return replaced.some((cue, index) => cue !== cues[index]) ? replaced : cues;
}

/** What a person does to cues. Each edit takes cues and gives new ones; the same array back means that it changed nothing. */

import { type Cue, type Cues, ordered } from './cue';

/** The shortest that an edit leaves a cue. */
const LEAST_MS = 1;
/** How long a cue is that is put where there is room. */
const NEW_MS = 2_000;

function replace(cues: Cues, index: number, change: (cue: Cue) => Partial<Cue>): Cues {
  const cue = cues[index];
  if (cue === undefined) return cues;
  const changed = { ...cue, ...change(cue) };
  const isChanged =
    changed.text !== cue.text ||
    changed.speaker !== cue.speaker ||
    changed.start_ms !== cue.start_ms ||
    changed.end_ms !== cue.end_ms;
  return isChanged ? cues.with(index, changed) : cues;
}

export function setText(cues: Cues, index: number, text: string): Cues {
  return replace(cues, index, () => ({ text: text.replace(/\r\n?/g, '\n') }));
}

export function setSpeaker(cues: Cues, index: number, speaker: string): Cues {
  return replace(cues, index, () => ({ speaker }));
}

/** Lets the cue begin at `at_ms`. Behind its end, it keeps its length. */
export function setIn(cues: Cues, index: number, at_ms: number): Cues {
  const start_ms = Math.max(0, Math.round(at_ms));
  return ordered(
    replace(cues, index, (cue) => ({
      start_ms,
      end_ms: start_ms < cue.end_ms ? cue.end_ms : start_ms + Math.max(LEAST_MS, cue.end_ms - cue.start_ms),
    })),
  );
}

/** Lets the cue end at `at_ms`; nothing happens where it has not begun by then. */
export function setOut(cues: Cues, index: number, at_ms: number): Cues {
  const end_ms = Math.round(at_ms);
  return ordered(replace(cues, index, (cue) => (end_ms > cue.start_ms ? { end_ms } : {})));
}

/** Sets both times as they are given, in whichever order the person moves them. */
export function setTimes(cues: Cues, index: number, start_ms: number, end_ms: number): Cues {
  return ordered(
    replace(cues, index, () => ({ start_ms: Math.max(0, Math.round(start_ms)), end_ms: Math.max(0, Math.round(end_ms)) })),
  );
}

/**
 * Parts the cue at the caret: what is before it stays, what is behind it becomes a cue of its own, named `id`. The time is parted
 * at `at_ms` where that is within the cue, else as the text is.
 */
export function split(cues: Cues, index: number, caret: number, at_ms: number | null, id: string): Cues {
  const cue = cues[index];
  if (cue === undefined || cue.end_ms - cue.start_ms < 2 * LEAST_MS) return cues;
  const place = Math.min(Math.max(0, caret), cue.text.length);
  const share = cue.text.length === 0 ? 0.5 : place / cue.text.length;
  const isWithin = at_ms !== null && at_ms > cue.start_ms && at_ms < cue.end_ms;
  const wanted = isWithin ? at_ms : cue.start_ms + share * (cue.end_ms - cue.start_ms);
  const middle = Math.min(cue.end_ms - LEAST_MS, Math.max(cue.start_ms + LEAST_MS, Math.round(wanted)));
  const first = { ...cue, text: cue.text.slice(0, place).trimEnd(), end_ms: middle };
  const second = { ...cue, id, text: cue.text.slice(place).trimStart(), start_ms: middle };
  return ordered(cues.toSpliced(index, 1, first, second));
}

/** Makes one cue of this one and the next. Two lines stay two lines; what would be more becomes one text. */
export function merge(cues: Cues, index: number): Cues {
  const cue = cues[index];
  const next = cues[index + 1];
  if (cue === undefined || next === undefined) return cues;
  const parts = [cue.text, next.text].map((text) => text.trim()).filter((text) => text !== '');
  const isSingle = parts.every((text) => !text.includes('\n'));
  const merged = {
    ...cue,
    end_ms: Math.max(cue.end_ms, next.end_ms),
    text: parts.join(isSingle ? '\n' : ' '),
    speaker: cue.speaker || next.speaker,
  };
  return ordered(cues.toSpliced(index, 2, merged));
}

/** Puts an empty cue behind the one at `index` (-1: before all), from `at_ms` on or where there is room. */
export function insertAfter(cues: Cues, index: number, at_ms: number | null, id: string): Cues {
  const cue = cues[index];
  const next = cues[index + 1];
  const earliest = cue?.end_ms ?? 0;
  const latest = next?.start_ms ?? Infinity;
  const start_ms = Math.round(at_ms !== null && at_ms >= earliest && at_ms < latest ? at_ms : earliest);
  const end_ms = Math.max(start_ms + LEAST_MS, Math.min(start_ms + NEW_MS, latest));
  const added = { id, start_ms, end_ms, text: '', speaker: cue?.speaker ?? '' };
  return ordered(cues.toSpliced(index + 1, 0, added));
}

export function remove(cues: Cues, index: number): Cues {
  return cues[index] === undefined ? cues : cues.toSpliced(index, 1);
}

/** Undo and redo: states of the cues, and where the person was in each. */

import type { Cues } from './cue';

/** A state that can be gone back to. */
export interface Moment {
  readonly cues: Cues;
  /** The cue that was worked on. */
  readonly selected: string | null;
}

/** Where the cues are now, what was before, and what was undone. Never changed in place. */
export interface History {
  readonly past: readonly Moment[];
  readonly now: Moment;
  readonly future: readonly Moment[];
  /** What the last edit was of; edits of the same kind in quick succession are undone together. */
  readonly run: string | null;
  readonly run_at_ms: number;
}

/** As many steps can be undone. */
const STEPS = 500;
/** Who stops typing for so long begins a new step. */
const PAUSE_MS = 1_200;

export function begin(cues: Cues, selected: string | null = null): History {
  return { past: [], now: { cues, selected }, future: [], run: null, run_at_ms: 0 };
}

/**
 * The history after an edit. `run` names edits that belong together (typing in one cue); null for one of its own. `at_ms` is any
 * clock that goes on.
 */
export function edited(history: History, now: Moment, run: string | null, at_ms: number): History {
  if (now.cues === history.now.cues) return history;
  const goesOn = run !== null && run === history.run && at_ms - history.run_at_ms < PAUSE_MS;
  const past = goesOn ? history.past : [...history.past, history.now].slice(-STEPS);
  return { past, now, future: [], run, run_at_ms: at_ms };
}

export function undone(history: History): History {
  const before = history.past.at(-1);
  if (before === undefined) return history;
  return { past: history.past.slice(0, -1), now: before, future: [history.now, ...history.future], run: null, run_at_ms: 0 };
}

export function redone(history: History): History {
  const [after, ...future] = history.future;
  if (after === undefined) return history;
  return { past: [...history.past, history.now], now: after, future, run: null, run_at_ms: 0 };
}

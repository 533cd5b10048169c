/**
 * What is wrong with a cue by the rules of its order, while it is typed. The names are those of the checks at submission, which
 * decide; these are here so that nobody has to wait for them.
 */

import type { Cue, Cues } from './cue';
import { width } from './width';

/** The rules of an order. Times in milliseconds. */
export interface Rules {
  readonly max_chars_per_line: number;
  readonly max_lines: number;
  readonly min_ms: number;
  readonly max_ms: number;
  readonly gap_ms: number;
  readonly max_chars_per_second: number;
  /** Length of the media; null where nobody knows. */
  readonly media_ms: number | null;
}

export type LimitName =
  | 'empty'
  | 'no_duration'
  | 'line_too_long'
  | 'too_many_lines'
  | 'too_short'
  | 'too_long'
  | 'gap_too_small'
  | 'overlap'
  | 'too_fast'
  | 'behind_the_end';

/** One fault of one cue, with what it is and what it may be, in the limit's own unit (characters, lines, ms, characters/s). */
export interface Limit {
  readonly name: LimitName;
  readonly level: 'error' | 'warning';
  readonly is: number;
  readonly limit: number;
}

/** What a cue takes of its limits. */
export interface Measure {
  /** The widest line, in characters. */
  readonly widest: number;
  readonly lines: number;
  readonly chars_per_second: number;
  readonly shown_ms: number;
  /** To the next cue; null for the last one. */
  readonly gap_ms: number | null;
}

/** What a player may run behind the media's end without anybody minding; as the checks at submission have it. */
const BEHIND_THE_END_MS = 1_000;

export function measure(cue: Cue, next: Cue | undefined): Measure {
  const widths = cue.text.split('\n').map(width);
  const all = widths.reduce((sum, one) => sum + one, 0);
  const shown_ms = Math.max(0, cue.end_ms - cue.start_ms);
  return {
    widest: Math.max(...widths),
    lines: widths.length,
    chars_per_second: all === 0 ? 0 : shown_ms === 0 ? Infinity : (all * 1_000) / shown_ms,
    shown_ms,
    gap_ms: next === undefined ? null : next.start_ms - cue.end_ms,
  };
}

function judge(cue: Cue, next: Cue | undefined, rules: Rules): readonly Limit[] {
  const now = measure(cue, next);
  const found: Limit[] = [];
  const note = (isFault: boolean, name: LimitName, level: Limit['level'], is: number, limit: number): void => {
    if (isFault) found.push({ name, level, is, limit });
  };
  note(cue.text.trim() === '', 'empty', 'error', 0, 1);
  const isBackwards = cue.end_ms <= cue.start_ms;
  note(isBackwards, 'no_duration', 'error', cue.end_ms - cue.start_ms, rules.min_ms);
  note(now.widest > rules.max_chars_per_line, 'line_too_long', 'warning', now.widest, rules.max_chars_per_line);
  note(now.lines > rules.max_lines, 'too_many_lines', 'warning', now.lines, rules.max_lines);
  note(!isBackwards && now.shown_ms < rules.min_ms, 'too_short', 'warning', now.shown_ms, rules.min_ms);
  note(now.shown_ms > rules.max_ms, 'too_long', 'warning', now.shown_ms, rules.max_ms);
  if (now.gap_ms !== null) {
    note(now.gap_ms < 0, 'overlap', 'error', -now.gap_ms, 0);
    note(now.gap_ms > 0 && now.gap_ms < rules.gap_ms, 'gap_too_small', 'warning', now.gap_ms, rules.gap_ms);
  }
  const isFast = !isBackwards && now.chars_per_second > rules.max_chars_per_second;
  note(isFast, 'too_fast', 'warning', now.chars_per_second, rules.max_chars_per_second);
  const end_ms = rules.media_ms ?? Infinity;
  note(cue.end_ms > end_ms + BEHIND_THE_END_MS, 'behind_the_end', 'error', cue.end_ms, end_ms);
  return found;
}

interface Known {
  readonly next: Cue | undefined;
  readonly rules: Rules;
  readonly found: readonly Limit[];
}

const known = new WeakMap<Cue, Known>();

/** The faults of the cue at `index`. Judged once for a cue, its neighbour and the rules. */
export function limitsOf(cues: Cues, index: number, rules: Rules): readonly Limit[] {
  const cue = cues[index];
  if (cue === undefined) return [];
  const next = cues[index + 1];
  const before = known.get(cue);
  if (before !== undefined && before.next === next && before.rules === rules) return before.found;
  const found = judge(cue, next, rules);
  known.set(cue, { next, rules, found });
  return found;
}

/** The next cue with a fault after `from`, going round; -1 where there is none. */
export function nextFault(cues: Cues, from: number, rules: Rules): number {
  for (let step = 1; step <= cues.length; step += 1) {
    const index = (from + step) % cues.length;
    if (limitsOf(cues, index, rules).length > 0) return index;
  }
  return -1;
}

/**
 * An order being worked on: its cues with their history, what is selected, and where the media is. What lives here: what each
 * command does. What doesn't: how cues are edited (`model`), kept (`draft`) and shown (`views`).
 */

import { computed, effect, type ReadonlySignal, signal } from '@preact/signals';
import type { Finding } from '../api/client';
import type { State } from '../draft/keeper';
import { type Cue, type Cues, indexAt, newId } from '../model/cue';
import * as edits from '../model/edits';
import { begin, edited, type History, redone, undone } from '../model/history';
import { type Limit, limitsOf, nextFault, type Rules } from '../model/limits';
import { type Dictionary, doubtsOf } from '../model/spelling';
import { clock } from '../model/time';
import { say } from '../words';

/** The media, wherever it is played. */
export interface Player {
  now_ms(): number;
  seek(ms: number): void;
  toggle(): void;
  /** Plays from one time to another, and stops. */
  play(start_ms: number, end_ms: number): void;
}

/** Where the caret is to be. */
export interface Focus {
  readonly id: string;
  /** The part of the text to select; null leaves it where it is. */
  readonly range: readonly [number, number] | null;
}

/** A finding of the checks, at the cue that it was said of. */
export interface Placed {
  readonly finding: Finding;
  readonly cue: Cue | null;
}

/** So far the media jumps at once. */
const JUMP_MS = 2_000;

export class Editor {
  readonly history;
  readonly cues: ReadonlySignal<Cues>;
  readonly selected;
  readonly focus = signal<Focus | null>(null);
  readonly keeping = signal<State>({ phase: 'saved' });
  readonly placed = signal<readonly Placed[] | null>(null);
  /** What a screen reader is to say. */
  readonly spoken = signal('');
  /** The cue that is being said. */
  readonly playing = signal<string | null>(null);
  readonly isReadOnly = signal(false);
  readonly isFinding = signal(false);
  player: Player | null = null;

  constructor(
    cues: Cues,
    readonly rules: Rules,
    readonly dictionary: Dictionary,
  ) {
    this.selected = signal(cues[0]?.id ?? null);
    this.history = signal<History>(begin(cues, this.selected.value));
    this.cues = computed(() => this.history.value.now.cues);
  }

  /** Has a screen reader say something; the same once more is said once more. */
  announce(text: string): void {
    this.spoken.value = this.spoken.value === text ? `${text}\u00a0` : text;
  }

  /** Calls back with the cues of each edit; the answer ends that. */
  onEdit(callback: (cues: Cues) => void): () => void {
    let last = this.cues.peek();
    return effect(() => {
      const cues = this.cues.value;
      if (cues === last) return;
      last = cues;
      callback(cues);
    });
  }

  /** The selected cue's place; -1 where there is none. */
  index(): number {
    return this.cues.value.findIndex((cue) => cue.id === this.selected.value);
  }

  private here(): Cue | null {
    return this.cues.value[this.index()] ?? null;
  }

  /** What is wrong with a cue by its limits and by the dictionary. */
  limits(index: number): readonly Limit[] {
    return limitsOf(this.cues.value, index, this.rules);
  }

  private change(cues: Cues, run: string | null = null): boolean {
    const before = this.history.value;
    if (this.isReadOnly.value || cues === before.now.cues) return false;
    this.history.value = edited(before, { cues, selected: this.selected.value }, run, performance.now());
    return true;
  }

  /** Puts other cues in the place of these, as one step that can be undone. */
  replaceAll(cues: Cues): boolean {
    return this.change(cues);
  }

  select(id: string): void {
    this.selected.value = id;
  }

  /** Selects a cue and puts the caret there. */
  goTo(index: number, range: readonly [number, number] | null = null): void {
    const cue = this.cues.value[index];
    if (cue === undefined) return;
    this.selected.value = cue.id;
    this.focus.value = { id: cue.id, range };
  }

  type(id: string, text: string): void {
    const index = this.cues.value.findIndex((cue) => cue.id === id);
    this.change(edits.setText(this.cues.value, index, text), `text:${id}`);
  }

  name(id: string, speaker: string): void {
    const index = this.cues.value.findIndex((cue) => cue.id === id);
    this.change(edits.setSpeaker(this.cues.value, index, speaker), `speaker:${id}`);
  }

  setIn(id: string, ms: number): void {
    const index = this.cues.value.findIndex((cue) => cue.id === id);
    if (this.change(edits.setIn(this.cues.value, index, ms))) this.announce(say('did_in', { time: clock(ms) }));
  }

  setOut(id: string, ms: number): void {
    const index = this.cues.value.findIndex((cue) => cue.id === id);
    if (this.change(edits.setOut(this.cues.value, index, ms))) this.announce(say('did_out', { time: clock(ms) }));
  }

  setTimes(id: string, start_ms: number, end_ms: number): void {
    const index = this.cues.value.findIndex((cue) => cue.id === id);
    this.change(edits.setTimes(this.cues.value, index, start_ms, end_ms));
  }

  inHere(): void {
    if (this.player !== null && this.selected.value !== null) this.setIn(this.selected.value, this.player.now_ms());
  }

  outHere(): void {
    if (this.player !== null && this.selected.value !== null) this.setOut(this.selected.value, this.player.now_ms());
  }

  /** Parts the selected cue at `caret`. */
  split(caret: number): void {
    const index = this.index();
    const id = newId();
    const isPlaced = this.change(edits.split(this.cues.value, index, caret, this.player?.now_ms() ?? null, id));
    if (!isPlaced) return;
    this.goTo(this.cues.value.findIndex((cue) => cue.id === id), [0, 0]);
    this.announce(say('did_split', { number: index + 1 }));
  }

  merge(): void {
    const index = this.index();
    const cue = this.cues.value[index];
    if (cue === undefined || !this.change(edits.merge(this.cues.value, index))) return;
    this.goTo(index, [cue.text.length, cue.text.length]);
    this.announce(say('did_merge', { number: index + 1 }));
  }

  insert(): void {
    const now_ms = this.player?.now_ms() ?? null;
    const index = this.cues.value.length === 0 ? -1 : this.index();
    const id = newId();
    if (!this.change(edits.insertAfter(this.cues.value, index, now_ms, id))) return;
    const place = this.cues.value.findIndex((cue) => cue.id === id);
    this.goTo(place, [0, 0]);
    this.announce(say('did_insert', { number: place + 1 }));
  }

  remove(): void {
    const index = this.index();
    if (!this.change(edits.remove(this.cues.value, index))) return;
    this.goTo(Math.min(index, this.cues.value.length - 1));
    this.announce(say('did_remove', { number: index + 1 }));
  }

  /** Goes to the next cue, and the media with it. */
  step(by: number): void {
    const index = Math.min(this.cues.value.length - 1, Math.max(0, this.index() + by));
    this.goTo(index);
    const cue = this.cues.value[index];
    if (cue !== undefined) this.player?.seek(cue.start_ms);
  }

  toNextFault(): void {
    const from = this.index();
    const { length } = this.cues.value;
    const limit = nextFault(this.cues.value, from, this.rules);
    let best = limit < 0 ? Infinity : (limit - from - 1 + length) % length;
    for (let step = 0; step < Math.min(best, length); step += 1) {
      const cue = this.cues.value[(from + 1 + step) % length];
      if (cue !== undefined && doubtsOf(cue.text, this.dictionary).length > 0) best = step;
    }
    if (best === Infinity) this.announce(say('no_fault'));
    else this.goTo((from + 1 + best) % length);
  }

  undo(): void {
    this.travel(undone(this.history.value), 'did_undo');
  }

  redo(): void {
    this.travel(redone(this.history.value), 'did_redo');
  }

  private travel(to: History, word: 'did_undo' | 'did_redo'): void {
    if (this.isReadOnly.value || to === this.history.value) return;
    this.history.value = to;
    const isThere = to.now.cues.some((cue) => cue.id === this.selected.value);
    const id = to.now.selected ?? to.now.cues[0]?.id ?? null;
    if (!isThere && id !== null) this.goTo(Math.max(0, to.now.cues.findIndex((cue) => cue.id === id)));
    this.announce(say(word));
  }

  toggle(): void {
    this.player?.toggle();
  }

  jump(direction: 1 | -1): void {
    if (this.player !== null) this.player.seek(Math.max(0, this.player.now_ms() + direction * JUMP_MS));
  }

  replay(): void {
    const cue = this.here();
    if (cue !== null) this.player?.play(cue.start_ms, cue.end_ms);
  }

  /** The media is at `ms` now. */
  mediaAt(ms: number): void {
    const cue = this.cues.value[indexAt(this.cues.value, ms)];
    this.playing.value = cue !== undefined && cue.end_ms > ms ? cue.id : null;
  }

  /** Shows what the checks found of the cues as they were `checked`. */
  place(findings: readonly Finding[] | null, checked: Cues): void {
    this.placed.value =
      findings?.map((finding) => ({ finding, cue: finding.cue === null ? null : (checked[finding.cue - 1] ?? null) })) ?? null;
  }
}

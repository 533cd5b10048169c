/**
 * Keeps what is typed: at once on this machine, soon at the API. What lives here: when to save, what an answer means, and that
 * nothing is dropped on the way. What doesn't: how the two places are reached (`Ports`).
 */

import type { Cues } from '../model/cue';

/** What is kept on the machine while the API hasn't got it. */
export interface Kept {
  /** The draft that the person began from. */
  readonly base: Cues;
  readonly etag: string | null;
  readonly cues: Cues;
  readonly typed_epoch_ms: number;
}

export type Outcome =
  | { readonly kind: 'saved'; readonly etag: string }
  /** Another draft was saved meanwhile. */
  | { readonly kind: 'stale'; readonly theirs: Cues; readonly etag: string | null }
  | { readonly kind: 'offline' }
  | { readonly kind: 'expired' }
  /** Saving will never do again: the order is gone, or somebody else's. */
  | { readonly kind: 'ended' }
  /** Something is wrong with the draft or with the page. */
  | { readonly kind: 'failed'; readonly text: string };

export interface Ports {
  save(cues: Cues, etag: string | null): Promise<Outcome>;
  /** Keeps on the machine; null forgets. */
  keep(kept: Kept | null): Promise<void>;
  now_ms(): number;
  /** Calls back later, unless the answer is called before. */
  after(ms: number, callback: () => void): () => void;
  tell(state: State): void;
}

export type State =
  | { readonly phase: 'saved' | 'unsaved' | 'saving' | 'offline' | 'expired' | 'ended' }
  | { readonly phase: 'failed'; readonly text: string }
  | { readonly phase: 'stale'; readonly base: Cues; readonly theirs: Cues; readonly etag: string | null };

/** On the machine, so soon after a key. */
const KEEP_MS = 150;
/** At the API, when nothing was typed for so long. */
const SAVE_MS = 2_000;
/** And after so long in any case. */
const SAVE_AT_LAST_MS = 10_000;
/** First wait after a lost connection, doubled each time. */
const AGAIN_MS = 2_000;
const AGAIN_AT_MOST_MS = 30_000;

/** What to begin with: the API's draft, or what is still on this machine. */
export function opened(kept: Kept | null, server: { cues: Cues; etag: string | null }): { cues: Cues; state: State } {
  if (kept === null) return { cues: server.cues, state: { phase: 'saved' } };
  if (kept.etag === server.etag) return { cues: kept.cues, state: { phase: 'unsaved' } };
  return { cues: kept.cues, state: { phase: 'stale', base: kept.base, theirs: server.cues, etag: server.etag } };
}

export class Keeper {
  private state: State = { phase: 'saved' };
  private unsaved_since_ms = 0;
  private failures = 0;
  private saving: Promise<void> | null = null;
  private isClosed = false;
  private cancelKeep: (() => void) | null = null;
  private cancelSave: (() => void) | null = null;

  /** `base` is the draft at the API, of `etag`. */
  constructor(
    private readonly ports: Ports,
    private base: Cues,
    private etag: string | null,
    private cues: Cues,
    state: State,
  ) {
    this.state = state;
    if (state.phase === 'unsaved') {
      this.unsaved_since_ms = ports.now_ms();
      this.plan(0);
    }
  }

  /** Whether the API has all that was typed. */
  isSaved(): boolean {
    return this.state.phase === 'saved';
  }

  now(): State {
    return this.state;
  }

  edited(cues: Cues): void {
    if (cues === this.cues) return;
    this.cues = cues;
    this.cancelKeep ??= this.ports.after(KEEP_MS, () => void this.keepNow());
    switch (this.state.phase) {
      case 'saved':
      case 'failed':
        this.unsaved_since_ms = this.ports.now_ms();
        this.tell({ phase: 'unsaved' });
        this.plan(SAVE_MS);
        break;
      case 'unsaved': {
        const left_ms = this.unsaved_since_ms + SAVE_AT_LAST_MS - this.ports.now_ms();
        this.plan(Math.max(0, Math.min(SAVE_MS, left_ms)));
        break;
      }
      default:
      // A save runs, or waits for something else than time.
    }
  }

  /** Keeps on the machine what the API has not got, without waiting. */
  async keepNow(): Promise<void> {
    this.cancelKeep?.();
    this.cancelKeep = null;
    if (this.isClosed || this.state.phase === 'saved') return;
    await this.ports.keep({ base: this.base, etag: this.etag, cues: this.cues, typed_epoch_ms: this.ports.now_ms() });
  }

  /** Saves at the API now, where there is something to save and nothing in the way; after a save that runs already. */
  async saveNow(): Promise<void> {
    await this.saving;
    const { phase } = this.state;
    if (this.isClosed || this.saving !== null || phase === 'saved' || phase === 'stale' || phase === 'ended') return;
    this.saving = this.save(phase).finally(() => (this.saving = null));
    await this.saving;
  }

  private async save(phase: State['phase']): Promise<void> {
    this.cancelSave?.();
    this.cancelSave = null;
    const sent = this.cues;
    if (phase !== 'offline') this.tell({ phase: 'saving' });
    const outcome = await this.ports.save(sent, this.etag);
    await this.took(sent, outcome);
  }

  private async took(sent: Cues, outcome: Outcome): Promise<void> {
    if (this.isClosed) return;
    if (outcome.kind !== 'offline') this.failures = 0;
    switch (outcome.kind) {
      case 'saved':
        this.etag = outcome.etag;
        this.base = sent;
        if (this.cues === sent) {
          this.cancelKeep?.();
          this.cancelKeep = null;
          this.tell({ phase: 'saved' });
          await this.ports.keep(null);
        } else {
          this.unsaved_since_ms = this.ports.now_ms();
          this.tell({ phase: 'unsaved' });
          this.plan(SAVE_MS);
          await this.keepNow();
        }
        break;
      case 'offline':
        this.tell({ phase: 'offline' });
        this.plan(Math.min(AGAIN_AT_MOST_MS, AGAIN_MS * 2 ** this.failures));
        this.failures += 1;
        await this.keepNow();
        break;
      case 'stale':
        this.tell({ phase: 'stale', base: this.base, theirs: outcome.theirs, etag: outcome.etag });
        await this.keepNow();
        break;
      case 'failed':
        this.tell({ phase: 'failed', text: outcome.text });
        await this.keepNow();
        break;
      default:
        this.tell({ phase: outcome.kind });
        await this.keepNow();
    }
  }

  /** After a stale save: goes on with `cues`, made of both drafts. */
  async settle(cues: Cues): Promise<void> {
    if (this.state.phase !== 'stale') return;
    const { theirs, etag } = this.state;
    [this.base, this.etag, this.cues] = [theirs, etag, cues];
    this.unsaved_since_ms = this.ports.now_ms();
    this.tell({ phase: 'unsaved' });
    await this.keepNow();
    await this.saveNow();
  }

  /** Forgets what is on the machine and saves no more: the work was handed in, or the person leaves with all saved. */
  async close(forget: boolean): Promise<void> {
    if (!forget) await this.keepNow();
    this.isClosed = true;
    this.cancelKeep?.();
    this.cancelSave?.();
    if (forget) await this.ports.keep(null);
  }

  private plan(ms: number): void {
    this.cancelSave?.();
    this.cancelSave = this.ports.after(ms, () => void this.saveNow());
  }

  private tell(state: State): void {
    this.state = state;
    this.ports.tell(state);
  }
}

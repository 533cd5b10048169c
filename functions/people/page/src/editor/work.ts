/** Opens an order for work: its draft, what is still on this machine, its source, and the keeper of what will be typed. */

import { type Api, ApiError, type Draft, type Media, type Order, rulesOf, type Source } from '../api/client';
import { Keeper, opened, type Outcome } from '../draft/keeper';
import type { Cues } from '../model/cue';
import { readDictionary } from '../model/spelling';
import { Editor } from './editor';
import { LocalDraft } from './local';

export interface Work {
  readonly editor: Editor;
  readonly keeper: Keeper;
  readonly media: Media | null;
  /** When that was, by `performance.now`. */
  readonly opened_ms: number;
  readonly source: Source;
  /** Where the cues came from. */
  readonly origin: 'saved' | 'machine' | 'source' | 'empty' | 'restored';
  /** Ends what runs beside the views. */
  readonly close: () => Promise<void>;
}

/** Orders that are being closed: whoever comes back at once waits for what is still being saved. */
const closing = new Map<string, Promise<void>>();

/** What the views want to hear of failed saves. */
export interface Listener {
  expired(): void;
  ended(error: ApiError): void;
}

async function saved(api: Api, task: string, cues: Cues, etag: string | null, listener: Listener): Promise<Outcome> {
  try {
    const result = await api.saveDraft(task, cues, etag);
    if (result.kind === 'saved') return result;
    return { kind: 'stale', theirs: result.draft.cues, etag: result.draft.etag };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    switch (error.kind) {
      case 'offline':
        return { kind: 'offline' };
      case 'expired':
        listener.expired();
        return { kind: 'expired' };
      case 'fault':
        return { kind: 'failed', text: error.message };
      default:
        listener.ended(error);
        return { kind: 'ended' };
    }
  }
}

/** Draft, source and media of an order. */
async function read(api: Api, task: string): Promise<[Draft, Source, Media | null]> {
  return Promise.all([
    api.draft(task),
    api.source(task),
    // Without its media an order can still be written and saved; the player says what is wrong.
    api.media(task).catch((error: unknown) => {
      if (error instanceof ApiError && (error.kind === 'offline' || error.kind === 'missing')) return null;
      throw error;
    }),
  ]);
}

export async function openWork(api: Api, person: string, order: Order, listener: Listener): Promise<Work> {
  const { task } = order;
  await closing.get(task);
  const local = await LocalDraft.open(person, task);
  const kept = local.read();
  const [draft, source, media] = await read(api, task).catch((error: unknown) => {
    local.close();
    throw error;
  });
  const opened_ms = performance.now();
  const { cues, state } = opened(kept, draft);
  const editor = new Editor(cues, rulesOf(order, media?.duration_ms ?? null), readDictionary(order.dictionary));
  editor.keeping.value = state;
  const keeper = new Keeper(
    {
      save: (cues, etag) => saved(api, task, cues, etag, listener),
      keep: (kept) => local.write(kept),
      now_ms: () => Date.now(),
      after: (ms, callback) => {
        const timer = setTimeout(callback, ms);
        return () => clearTimeout(timer);
      },
      tell: (state) => (editor.keeping.value = state),
    },
    draft.cues,
    draft.etag,
    cues,
    state,
  );
  const stop = editor.onEdit((cues) => keeper.edited(cues));
  const online = (): void => void keeper.saveNow();
  const hidden = (): void => void keeper.keepNow();
  window.addEventListener('online', online);
  window.addEventListener('pagehide', hidden);
  document.addEventListener('visibilitychange', hidden);
  return {
    editor,
    keeper,
    media,
    opened_ms,
    source,
    origin: kept === null ? draft.origin : 'restored',
    close: () => {
      const done = close().finally(() => closing.delete(task));
      closing.set(task, done);
      return done;
    },
  };

  async function close(): Promise<void> {
    stop();
    window.removeEventListener('online', online);
    window.removeEventListener('pagehide', hidden);
    document.removeEventListener('visibilitychange', hidden);
    await keeper.saveNow();
    await keeper.close(keeper.isSaved());
    local.close();
  }
}

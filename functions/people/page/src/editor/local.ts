/**
 * What is kept on this machine, in IndexedDB: a record for a person, an order and a window. Each window has its own, so that one
 * which saves forgets nothing of another; a window that is no more leaves its record to the next one that opens the order.
 */

import { delMany, get, keys, set } from 'idb-keyval';
import type { Kept } from '../draft/keeper';
import type { Cues } from '../model/cue';
import { newId } from '../model/cue';

/** Cues as text: a thousand of them are copied by the database in far less time than as objects, and that while one types. */
interface Stored {
  readonly base: string;
  readonly etag: string | null;
  readonly cues: string;
  readonly typed_epoch_ms: number;
}

const written = new WeakMap<Cues, string>();

function write(cues: Cues): string {
  const known = written.get(cues) ?? JSON.stringify(cues);
  written.set(cues, known);
  return known;
}

/** Holds a lock until it is let go; the browser lets go for a window that is closed. */
async function hold(name: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    navigator.locks.request(name, () => new Promise<void>((release) => resolve(release))).catch(reject);
  });
}

export class LocalDraft {
  private constructor(
    private readonly key: string,
    private readonly orphan: { key: string; kept: Kept } | null,
    private readonly release: () => void,
  ) {}

  /** This window's record, and the newest that a window left which is no more. */
  static async open(person: string, task: string): Promise<LocalDraft> {
    const start = `draft/${person}/${task}/`;
    const key = start + newId();
    const release = await hold(key);
    const { held = [] } = await navigator.locks.query();
    const living = new Set(held.map(({ name }) => name));
    const left = (await keys<string>()).filter((other) => other.startsWith(start) && !living.has(other));
    const records = await Promise.all(left.map(async (other) => ({ other, stored: await get<Stored>(other) })));
    let orphan: LocalDraft['orphan'] = null;
    for (const { other, stored } of records) {
      if (stored === undefined || stored.typed_epoch_ms <= (orphan?.kept.typed_epoch_ms ?? 0)) continue;
      const kept = { ...stored, base: JSON.parse(stored.base) as Cues, cues: JSON.parse(stored.cues) as Cues };
      orphan = { key: other, kept };
    }
    return new LocalDraft(key, orphan, release);
  }

  read(): Kept | null {
    return this.orphan?.kept ?? null;
  }

  /** Keeps; null forgets. What was left by another window is this one's from then on. */
  async write(kept: Kept | null): Promise<void> {
    if (kept !== null) await set(this.key, { ...kept, base: write(kept.base), cues: write(kept.cues) } satisfies Stored);
    const gone = [...(kept === null ? [this.key] : []), ...(this.orphan === null ? [] : [this.orphan.key])];
    if (gone.length > 0) await delMany(gone);
  }

  close(): void {
    this.release();
  }
}

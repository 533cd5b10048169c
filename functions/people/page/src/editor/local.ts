/** What is kept on this machine: one record for a person and an order, in IndexedDB. */

import { del, get, set } from 'idb-keyval';
import type { Kept } from '../draft/keeper';
import type { Cues } from '../model/cue';

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

function key(person: string, task: string): string {
  return `draft/${person}/${task}`;
}

export async function readKept(person: string, task: string): Promise<Kept | null> {
  const stored = await get<Stored>(key(person, task));
  if (stored === undefined) return null;
  return { ...stored, base: JSON.parse(stored.base) as Cues, cues: JSON.parse(stored.cues) as Cues };
}

export async function writeKept(person: string, task: string, kept: Kept | null): Promise<void> {
  if (kept === null) await del(key(person, task));
  else await set(key(person, task), { ...kept, base: write(kept.base), cues: write(kept.cues) } satisfies Stored);
}

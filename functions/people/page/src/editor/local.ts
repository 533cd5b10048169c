/** What is kept on this machine: one record for a person and an order, in IndexedDB. */

import { del, get, set } from 'idb-keyval';
import type { Kept } from '../draft/keeper';

function key(person: string, task: string): string {
  return `draft/${person}/${task}`;
}

export async function readKept(person: string, task: string): Promise<Kept | null> {
  return (await get<Kept>(key(person, task))) ?? null;
}

export async function writeKept(person: string, task: string, kept: Kept | null): Promise<void> {
  await (kept === null ? del(key(person, task)) : set(key(person, task), kept));
}

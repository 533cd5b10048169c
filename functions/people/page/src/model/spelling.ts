/**
 * The customer's dictionary: places in the text that come near an entry without being spelled as it is. Words that are no entry's
 * neighbours are left to the browser's own spelling.
 */

import { distance } from 'fastest-levenshtein';

/** A place that may be meant for an entry. */
export interface Doubt {
  readonly start: number;
  readonly end: number;
  /** How the customer spells it. */
  readonly entry: string;
}

interface Entry {
  readonly text: string;
  readonly key: string;
}

export interface Dictionary {
  readonly byKey: ReadonlyMap<string, Entry>;
  readonly byLength: ReadonlyMap<number, readonly Entry[]>;
  /** Words of the longest entry. */
  readonly words: number;
}

interface Word {
  readonly start: number;
  readonly end: number;
  readonly key: string;
}

const WORD = /[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}]|['’\-.](?=[\p{L}\p{N}]))*/gu;
/** From so many letters on, one may differ; from the second, two. */
const ONE_OFF = 5;
const TWO_OFF = 9;

/** The letters and digits alone, in lower case: what spelling is compared by. */
function keyOf(text: string): string {
  return text
    .normalize('NFC')
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}]/gu, '');
}

export function readDictionary(lines: readonly string[]): Dictionary {
  const byKey = new Map<string, Entry>();
  const byLength = new Map<number, Entry[]>();
  let words = 0;
  for (const line of lines) {
    const text = line.trim().replace(/\s+/g, ' ');
    const key = keyOf(text);
    if (key === '' || byKey.has(key)) continue;
    const entry = { text, key };
    byKey.set(key, entry);
    byLength.set(key.length, [...(byLength.get(key.length) ?? []), entry]);
    words = Math.max(words, text.split(' ').length);
  }
  return { byKey, byLength, words };
}

function wordsOf(text: string): Word[] {
  return [...text.matchAll(WORD)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
    key: keyOf(match[0]),
  }));
}

function near(key: string, dictionary: Dictionary): Entry | null {
  const exact = dictionary.byKey.get(key);
  if (exact !== undefined) return exact;
  let best: Entry | null = null;
  let least = key.length >= TWO_OFF ? 3 : key.length >= ONE_OFF ? 2 : 1;
  for (let length = key.length - least + 1; length < key.length + least; length += 1) {
    for (const entry of dictionary.byLength.get(length) ?? []) {
      if (entry.key.length < ONE_OFF) continue;
      const off = distance(key, entry.key);
      if (off < least) [best, least] = [entry, off];
    }
  }
  return best;
}

function find(text: string, dictionary: Dictionary): Doubt[] {
  const words = wordsOf(text);
  const doubts: Doubt[] = [];
  for (let first = 0; first < words.length; ) {
    let taken = 0;
    // The longest run of words first: an entry's words may have been written apart, or as one.
    for (let count = Math.min(dictionary.words + 1, words.length - first); count > 0 && taken === 0; count -= 1) {
      const run = words.slice(first, first + count);
      const start = run[0]?.start ?? 0;
      const end = run.at(-1)?.end ?? 0;
      const written = text.slice(start, end);
      // What ends a sentence or stands in brackets parts words that are not one entry.
      if (count > 1 && /[.!?:;()[\]]\s/u.test(written)) continue;
      const entry = near(run.map((word) => word.key).join(''), dictionary);
      if (entry === null) continue;
      const isExact = entry.key === keyOf(written);
      // A near run is believed only where it has the entry's own number of words.
      if (!isExact && entry.text.split(' ').length !== count) continue;
      taken = count;
      if (written.replace(/\s+/g, ' ') !== entry.text) doubts.push({ start, end, entry: entry.text });
    }
    first += Math.max(1, taken);
  }
  return doubts;
}

const known = new WeakMap<Dictionary, Map<string, readonly Doubt[]>>();
/** Texts whose doubts are remembered for each dictionary. */
const REMEMBERED = 5_000;

/** Every place of `text` that is near an entry and not it. Looked for once in each text. */
export function doubtsOf(text: string, dictionary: Dictionary): readonly Doubt[] {
  if (dictionary.words === 0) return [];
  let texts = known.get(dictionary);
  if (texts === undefined || texts.size > REMEMBERED) {
    texts = new Map();
    known.set(dictionary, texts);
  }
  const before = texts.get(text);
  if (before !== undefined) return before;
  const doubts = find(text, dictionary);
  texts.set(text, doubts);
  return doubts;
}

/** The text with the entry in the place of the doubt. */
export function corrected(text: string, doubt: Doubt): string {
  return text.slice(0, doubt.start) + doubt.entry + text.slice(doubt.end);
}

/** Which language the page speaks, and how it writes times. */

import { computed, signal } from '@preact/signals';
import { ar } from './ar';
import { en, type Word, type Words } from './en';

export type { Word } from './en';
export type PageLanguage = 'en' | 'ar';

const KEPT = 'reach.language';
const all: Record<PageLanguage, Words> = { en, ar };
export const names: Record<PageLanguage, string> = { en: 'English', ar: 'العربية' };

function wanted(): PageLanguage {
  const kept = localStorage.getItem(KEPT);
  if (kept === 'en' || kept === 'ar') return kept;
  return navigator.language.toLowerCase().startsWith('ar') ? 'ar' : 'en';
}

export const language = signal<PageLanguage>(wanted());
const words = computed(() => all[language.value]);

export function speak(chosen: PageLanguage): void {
  localStorage.setItem(KEPT, chosen);
  language.value = chosen;
}

/** Tells the document which language it is in, and which way it is read. */
export function tellDocument(): void {
  document.documentElement.lang = language.value;
  document.documentElement.dir = language.value === 'ar' ? 'rtl' : 'ltr';
  document.title = words.value.title;
}

/** A word of the page, with what is filled in. */
export function say(word: Word, values: Readonly<Record<string, string | number>> = {}): string {
  return words.value[word].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** `in 3 hours`, `2 days ago`. */
export function fromNow(seconds: number): string {
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ['minute', 60];
  const format = new Intl.RelativeTimeFormat(language.value, { numeric: 'auto' });
  return format.format(Math.trunc(seconds / length), unit);
}

export function dateTime(epoch_s: number): string {
  const format = new Intl.DateTimeFormat(language.value, { dateStyle: 'medium', timeStyle: 'short' });
  return format.format(new Date(epoch_s * 1_000));
}

const RIGHT_TO_LEFT = new Set(['ar', 'arc', 'ckb', 'dv', 'fa', 'he', 'iw', 'ji', 'ks', 'ps', 'sd', 'syr', 'ug', 'ur', 'yi']);

/** Which way text of a language is read. */
export function directionOf(tag: string): 'ltr' | 'rtl' {
  return RIGHT_TO_LEFT.has(tag.split('-')[0]?.toLowerCase() ?? '') ? 'rtl' : 'ltr';
}

/** Cues as WebVTT: the copy that a person may keep, and the lines that the player shows. */

import type { Cues } from './cue';

/** Text as WebVTT has it: nothing in it is markup. */
export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function stamp(ms: number): string {
  const two = (number: number): string => String(Math.floor(number)).padStart(2, '0');
  return `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1_000) % 60)}.${String(ms % 1_000).padStart(3, '0')}`;
}

/** A whole file. Blank lines within a cue would end it, so they are left out; speakers are voices. */
export function toVtt(cues: Cues): string {
  const blocks = cues.map(({ start_ms, end_ms, text, speaker }) => {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    const voice = speaker === '' ? '' : `<v ${escaped(speaker)}>`;
    return `${stamp(start_ms)} --> ${stamp(end_ms)}\n${voice}${escaped(lines.join('\n'))}\n`;
  });
  return ['WEBVTT\n', ...blocks].join('\n');
}

/** How wide text is on the screen; counts as `captions::width` of the project's Rust side does. */

import { eastAsianWidth } from 'get-east-asian-width';

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const INVISIBLE = /^[\p{Cc}\p{Cf}\p{Mn}\p{Me}\p{Default_Ignorable_Code_Point}]+$/u;
const EMOJI = /^(\p{Emoji_Presentation}|\p{Extended_Pictographic}\uFE0F|\p{Regional_Indicator}{2})/u;
/** The fast way. */
const ASCII = /^[\x20-\x7e]*$/;

/** Width in user-perceived characters: wide ones (CJK, emoji) count two, invisible ones none. */
export function width(text: string): number {
  if (ASCII.test(text)) return text.length;
  let wide = 0;
  for (const { segment } of graphemes.segment(text)) wide += graphemeWidth(segment);
  return wide;
}

function graphemeWidth(grapheme: string): number {
  if (INVISIBLE.test(grapheme)) return 0;
  if (EMOJI.test(grapheme)) return 2;
  return eastAsianWidth(grapheme.codePointAt(0) ?? 0) === 2 ? 2 : 1;
}

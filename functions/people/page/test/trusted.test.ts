import { expect, test } from 'vitest';
import { isFrame } from '../src/trusted';

test('nothing becomes markup but the frame of the waveform', () => {
  expect(isFrame('\n <style nonce="a+/=">\n :host { color: red; }\n </style>\n <div class="scroll" part="scroll">\n </div>')).toBe(true);
  expect(isFrame('')).toBe(true);
  const hostile = ['<b>x</b>', '<style nonce="x"></style><img src=x onerror=alert(1)>', '<style nonce="x"></style><div class="a" part="b" onclick="x">', '<style nonce="x"><script></script></style>', '<style nonce="x"></style>text'];
  expect(hostile.filter(isFrame)).toEqual([]);
});

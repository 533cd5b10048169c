import fc from 'fast-check';
import { expect, test } from 'vitest';
import { beside } from '../src/model/align';
import { differences, resolve } from '../src/model/conflict';
import type { Cue, Cues } from '../src/model/cue';
import { scrolledTo, windowOf } from '../src/model/window';

function cue(id: string, start_ms: number, text: string): Cue {
  return { id, start_ms, end_ms: start_ms + 900, text, speaker: '' };
}

const base: Cues = [cue('a', 0, 'One.'), cue('b', 1_000, 'Two.'), cue('c', 2_000, 'Three.')];

test('two drafts that changed different cues become one with both changes', () => {
  const mine = base.with(0, cue('a', 0, 'First.'));
  const theirs = [...base.slice(0, 2), cue('d', 3_000, 'Four.')];
  expect(differences(base, mine, theirs).map(({ id, changed }) => [id, changed])).toEqual([['a', 'mine'], ['c', 'theirs'], ['d', 'theirs']]);
  expect(resolve(base, mine, theirs, new Map()).map(({ text }) => text)).toEqual(['First.', 'Two.', 'Four.']);
});

test('a cue that both changed is a person\'s to choose', () => {
  const mine = base.with(1, cue('b', 1_000, 'Mine.'));
  const theirs = base.with(1, cue('b', 1_000, 'Theirs.'));
  const [difference] = differences(base, mine, theirs);
  expect(difference?.changed).toBeNull();
  expect(resolve(base, mine, theirs, new Map())[1]?.text).toBe('Mine.');
  expect(resolve(base, mine, theirs, new Map([['b', 'theirs']]))[1]?.text).toBe('Theirs.');
});

const anyDraft = fc.subarray(['a', 'b', 'c', 'd', 'e']).chain((ids) =>
  fc.tuple(...ids.map((id, index) => fc.constantFrom('', 'x', 'y').map((text) => cue(id, index * 1_000, text)))),
);

test('whichever side is chosen throughout, its draft comes back whole', () => {
  fc.assert(
    fc.property(anyDraft, anyDraft, anyDraft, (was, mine, theirs) => {
      const all = differences(was, mine, theirs);
      for (const side of ['mine', 'theirs'] as const) {
        const chosen = new Map(all.map(({ id }) => [id, side] as const));
        const merged = resolve(was, mine, theirs, chosen);
        expect(differences([], merged, side === 'mine' ? mine : theirs)).toEqual([]);
      }
    }),
  );
});

test('a cue stands beside what is said at the same time', () => {
  expect(beside(cue('x', 100, ''), base).map(({ id }) => id)).toEqual(['a']);
  expect(beside({ ...cue('x', 0, ''), end_ms: 1_900 }, base).map(({ id }) => id)).toEqual(['a', 'b']);
  expect(beside(cue('x', 9_000, ''), base).map(({ id }) => id)).toEqual(['c']);
});

test('of a long list only what is in sight is drawn', () => {
  expect(windowOf(1_000, 100, 600, 50_000)).toEqual({ first: 496, end: 510 });
  expect(windowOf(3, 100, 600, 0)).toEqual({ first: 0, end: 3 });
  fc.assert(
    fc.property(fc.nat(2_000), fc.integer({ min: 20, max: 200 }), fc.integer({ min: 300, max: 900 }), fc.nat(90_000), (row, row_px, box_px, top_px) => {
      const top = scrolledTo(row, row_px, box_px, top_px);
      const drawn = windowOf(2_001, row_px, box_px, top);
      expect(drawn.first <= row && row < drawn.end).toBe(true);
      expect(scrolledTo(row, row_px, box_px, top)).toBe(top);
    }),
  );
});

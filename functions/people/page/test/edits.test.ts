import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Cues, indexAt, ordered } from '../src/model/cue';
import * as edits from '../src/model/edits';
import { begin, edited, redone, undone } from '../src/model/history';

const cues: Cues = [
  { id: 'a', start_ms: 1_000, end_ms: 3_000, text: 'Good morning,\nand welcome.', speaker: 'Ana' },
  { id: 'b', start_ms: 3_100, end_ms: 5_000, text: 'Thank you.', speaker: '' },
];

/** Cues by their start, with lengths and gaps of all sorts. */
const anyCues = fc
  .array(
    fc.record({
      start_ms: fc.nat(100_000),
      length_ms: fc.integer({ min: 1, max: 9_000 }),
      text: fc.string({ unit: 'grapheme', maxLength: 60 }),
      speaker: fc.constantFrom('', 'Ana', 'Ben'),
    }),
    { maxLength: 12 },
  )
  .map((rows) =>
    ordered(
      rows.map(({ start_ms, length_ms, text, speaker }, index) => ({
        id: `c${index}`,
        start_ms,
        end_ms: start_ms + length_ms,
        text,
        speaker,
      })),
    ),
  );

type Step = (cues: Cues, id: string) => Cues;

/** One edit of each kind, at any place. */
const anyStep: fc.Arbitrary<Step> = fc
  .record({
    kind: fc.constantFrom('text', 'speaker', 'in', 'out', 'split', 'merge', 'insert', 'remove'),
    at: fc.nat(14),
    ms: fc.nat(110_000),
    text: fc.string({ unit: 'grapheme', maxLength: 20 }),
  })
  .map(({ kind, at, ms, text }) => (now, id) => {
    const index = now.length === 0 ? 0 : at % now.length;
    switch (kind) {
      case 'text':
        return edits.setText(now, index, text);
      case 'speaker':
        return edits.setSpeaker(now, index, text);
      case 'in':
        return edits.setIn(now, index, ms);
      case 'out':
        return edits.setOut(now, index, ms);
      case 'split':
        return edits.split(now, index, at, ms, id);
      case 'merge':
        return edits.merge(now, index);
      case 'insert':
        return edits.insertAfter(now, index, ms, id);
      default:
        return edits.remove(now, index);
    }
  });

describe('edits', () => {
  test('a split parts the text at the caret and the time where the media is', () => {
    const [first, second] = edits.split(cues, 0, 14, 1_800, 'n');
    expect(first).toMatchObject({ id: 'a', text: 'Good morning,', start_ms: 1_000, end_ms: 1_800 });
    expect(second).toMatchObject({ id: 'n', text: 'and welcome.', start_ms: 1_800, end_ms: 3_000, speaker: 'Ana' });
  });

  test('a split elsewhere in the media parts the time as it parts the text', () => {
    const [first] = edits.split([{ ...cues[1]!, text: '0123456789' }], 0, 5, 60_000, 'n');
    expect(first?.end_ms).toBe(4_050);
  });

  test('a merge keeps both texts, the whole time and the speaker', () => {
    const merged = edits.merge(cues, 0);
    expect(merged).toEqual([{ id: 'a', start_ms: 1_000, end_ms: 5_000, text: 'Good morning,\nand welcome. Thank you.', speaker: 'Ana' }]);
    expect(edits.merge(cues, 1)).toBe(cues);
  });

  test('a cue that begins behind its end keeps its length, and moves to its place', () => {
    const moved = edits.setIn(cues, 0, 7_000);
    expect(moved.map((cue) => [cue.id, cue.start_ms, cue.end_ms])).toEqual([
      ['b', 3_100, 5_000],
      ['a', 7_000, 9_000],
    ]);
    expect(edits.setOut(cues, 0, 500)).toBe(cues);
  });

  test('a new cue takes the room that there is', () => {
    expect(edits.insertAfter(cues, 0, null, 'n')[1]).toMatchObject({ start_ms: 3_000, end_ms: 3_100, text: '' });
    expect(edits.insertAfter(cues, 1, 9_000, 'n')[2]).toMatchObject({ start_ms: 9_000, end_ms: 11_000 });
    expect(edits.insertAfter([], -1, null, 'n')[0]).toMatchObject({ start_ms: 0, end_ms: 2_000 });
  });

  test('the cue that has begun is found', () => {
    expect([0, 1_000, 3_050, 3_100, 99_000].map((ms) => indexAt(cues, ms))).toEqual([-1, 0, 0, 1, 1]);
  });

  test('no edit leaves cues out of order, without time, before the media, or two of one id', () => {
    fc.assert(
      fc.property(anyCues, fc.array(anyStep, { maxLength: 12 }), (start, steps) => {
        const end = steps.reduce((now, step, index) => step(now, `new${index}`), start);
        expect(ordered(end)).toBe(end);
        expect(end.every((cue) => cue.start_ms >= 0 && cue.end_ms > cue.start_ms)).toBe(true);
        expect(new Set(end.map((cue) => cue.id)).size).toBe(end.length);
      }),
    );
  });

  test('a split followed by a merge loses no letter', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 50 }), fc.nat(60), (text, caret) => {
        const one: Cues = [{ id: 'a', start_ms: 0, end_ms: 4_000, text, speaker: '' }];
        const back = edits.merge(edits.split(one, 0, caret, null, 'n'), 0);
        const letters = (value: string): string => value.replace(/\s/g, '');
        expect(back.map((cue) => letters(cue.text))).toEqual([letters(text)]);
      }),
    );
  });
});

describe('undo and redo', () => {
  test('all edits undone give the start back, and redone the end', () => {
    fc.assert(
      fc.property(anyCues, fc.array(anyStep, { maxLength: 12 }), (start, steps) => {
        const first = begin(start);
        const last = steps.reduce(
          (history, step, index) =>
            edited(history, { cues: step(history.now.cues, `new${index}`), selected: null }, null, index),
          first,
        );
        let back = last;
        for (let step = 0; step < steps.length; step += 1) back = undone(back);
        expect(back.now).toBe(first.now);
        for (let step = 0; step < steps.length; step += 1) back = redone(back);
        expect(back.now).toEqual(last.now);
      }),
    );
  });

  test('what is typed in one go is undone in one go, and a pause begins anew', () => {
    let history = begin(cues);
    const type = (text: string, at_ms: number): void => {
      const now = { cues: edits.setText(history.now.cues, 1, text), selected: 'b' };
      history = edited(history, now, 'text:b', at_ms);
    };
    type('T', 0);
    type('Th', 200);
    type('Tha', 400);
    type('Than', 5_000);
    history = undone(history);
    expect(history.now.cues[1]?.text).toBe('Tha');
    history = undone(history);
    expect(history.now.cues).toBe(cues);
    expect(undone(history)).toBe(history);
  });

  test('an edit after an undo forgets what was undone', () => {
    const history = edited(begin(cues), { cues: edits.remove(cues, 0), selected: null }, null, 0);
    const other = edited(undone(history), { cues: edits.remove(cues, 1), selected: null }, null, 1);
    expect(redone(other)).toBe(other);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Cue, Cues } from '../src/model/cue';
import { limitsOf, nextFault, type Rules } from '../src/model/limits';
import { nextFound, replaceAll, replaceOne, search } from '../src/model/search';
import { corrected, doubtsOf, readDictionary } from '../src/model/spelling';
import { clock, parseClock } from '../src/model/time';
import { width } from '../src/model/width';

const rules: Rules = {
  max_chars_per_line: 42,
  max_lines: 2,
  min_ms: 834,
  max_ms: 7_000,
  gap_ms: 83,
  max_chars_per_second: 20,
  media_ms: 60_000,
};

function cue(start_ms: number, end_ms: number, text: string): Cue {
  return { id: `${start_ms}`, start_ms, end_ms, text, speaker: '' };
}

describe('width', () => {
  test('counts what is seen, wide ones twice and marks not at all', () => {
    expect(['Größe', '字幕', 'e\u0301', '👩‍👩‍👧', '🇩🇪', 'سلام', '\u200f', 'a\u200bb', 'שָׁלוֹם'].map(width)).toEqual([5, 4, 1, 2, 2, 4, 0, 2, 4]);
  });
});

describe('limits', () => {
  const names = (cues: Cues, index = 0): string[] => limitsOf(cues, index, rules).map((limit) => limit.name);

  test('each limit is told where it is broken and not at its edge', () => {
    expect(names([cue(0, 3_000, 'x'.repeat(42))])).toEqual([]);
    expect(names([cue(0, 3_000, 'x'.repeat(43))])).toEqual(['line_too_long']);
    expect(names([cue(0, 3_000, 'a\nb\nc')])).toEqual(['too_many_lines']);
    expect(names([cue(0, 1_000, 'x'.repeat(20))])).toEqual([]);
    expect(names([cue(0, 1_000, 'x'.repeat(21))])).toEqual(['too_fast']);
    expect(names([cue(0, 834, 'Yes.')])).toEqual([]);
    expect(names([cue(0, 833, 'Yes.')])).toEqual(['too_short']);
    expect(names([cue(0, 7_001, 'Yes.')])).toEqual(['too_long']);
    expect(names([cue(0, 1_000, ' \n ')])).toEqual(['empty']);
    expect(names([cue(2_000, 2_000, 'Yes.')])).toEqual(['no_duration']);
    expect(names([cue(0, 2_000, 'One.'), cue(1_999, 4_000, 'Two.')])).toEqual(['overlap']);
    expect(names([cue(0, 2_000, 'One.'), cue(2_000, 4_000, 'Two.')])).toEqual([]);
    expect(names([cue(0, 2_000, 'One.'), cue(2_082, 4_000, 'Two.')])).toEqual(['gap_too_small']);
    expect(names([cue(0, 2_000, 'One.'), cue(2_083, 4_000, 'Two.')])).toEqual([]);
    expect(names([cue(59_000, 61_000, 'End.')])).toEqual([]);
    expect(names([cue(59_000, 61_001, 'End.')])).toEqual(['behind_the_end']);
  });

  test('a cue is judged anew when its neighbour moves', () => {
    const first = cue(0, 2_000, 'One.');
    expect(names([first, cue(2_500, 4_000, 'Two.')])).toEqual([]);
    expect(names([first, cue(1_500, 4_000, 'Two.')])).toEqual(['overlap']);
  });

  test('the next fault is found going round', () => {
    const cues = [cue(0, 100, 'Short.'), cue(200, 2_000, 'Good.'), cue(2_100, 4_000, 'Good.')];
    expect(nextFault(cues, 1, rules)).toBe(0);
    expect(nextFault(cues.slice(1), 0, rules)).toBe(-1);
  });
});

describe('search and replace', () => {
  const cues = [cue(0, 1_000, 'A river.\nThe River Project'), cue(1_000, 2_000, 'driver (river)')];
  const query = { text: 'river', matchCase: false, wholeWords: true };

  test('finds by word and by case, and over line ends', () => {
    expect(search(cues, query).map((found) => [found.index, found.start])).toEqual([[0, 2], [0, 13], [1, 8]]);
    expect(search(cues, { ...query, wholeWords: false })).toHaveLength(4);
    expect(search(cues, { ...query, matchCase: true })).toHaveLength(2);
    expect(search(cues, { text: 'river. the', matchCase: false, wholeWords: true })).toHaveLength(1);
    expect(search(cues, { ...query, text: '' })).toEqual([]);
  });

  test('goes on behind the caret and round', () => {
    const found = search(cues, query);
    expect(nextFound(found, 0, 3)?.start).toBe(13);
    expect(nextFound(found, 1, 9)).toEqual({ index: 0, start: 2, end: 7 });
  });

  test('what is put in is text, whatever signs it has', () => {
    expect(replaceAll(cues, query, '$1$&')[1]?.text).toBe('driver ($1$&)');
    const [found] = search(cues, query);
    expect(replaceOne(cues, found!, 'lake')[0]?.text).toBe('A lake.\nThe River Project');
    expect(replaceAll(cues, { ...query, text: 'sea' }, 'x')).toBe(cues);
  });

  test('any text is found in itself, signs of expressions too', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => text.trim() !== ''), (text) => {
        expect(search([cue(0, 1, text)], { text, matchCase: true, wholeWords: false }).length).toBeGreaterThan(0);
      }),
    );
  });
});

describe('spelling', () => {
  const dictionary = readDictionary(['Kaltura', 'River Project', 'Dr. Mueller', '', ' Kaltura ', 'SQL', 'שלום עולם']);
  const doubts = (text: string): string[] => doubtsOf(text, dictionary).map((doubt) => `${text.slice(doubt.start, doubt.end)} > ${doubt.entry}`);

  test('what is near an entry is doubted, what is it is not', () => {
    expect(doubts('Kaltura and the River Project, by Dr. Mueller in SQL')).toEqual([]);
    expect(doubts('We use kaltura, Kultura and Kal tura.')).toEqual(['kaltura > Kaltura', 'Kultura > Kaltura', 'Kal tura > Kaltura']);
    expect(doubts('The river project of Dr Mueller; sql')).toEqual(['river project > River Project', 'Dr Mueller > Dr. Mueller', 'sql > SQL']);
    expect(doubts('the river, a project')).toEqual([]);
    expect(doubts('שלום\nעולם')).toEqual([]);
  });

  test('short words are only doubted for their case', () => {
    expect(doubts('SAL sQl')).toEqual(['sQl > SQL']);
  });

  test('a correction leaves no doubt of its own', () => {
    fc.assert(
      fc.property(fc.constantFrom('kaltura', 'Kalturo', 'river  project', 'RIVER PROJECT', 'dr mueller'), fc.constantFrom('', 'The ', 'a, '), (word, before) => {
        const text = `${before}${word} here`;
        const [doubt] = doubtsOf(text, dictionary);
        expect(doubt).toBeDefined();
        expect(doubtsOf(corrected(text, doubt!), dictionary)).toEqual([]);
      }),
    );
  });
});

describe('times', () => {
  test('are read as they are written', () => {
    fc.assert(fc.property(fc.nat(360_000_000), (ms) => parseClock(clock(ms)) === ms));
    expect(['62.5', '1:02,5', '1:02:03.004', '62', '90:00'].map(parseClock)).toEqual([62_500, 62_500, 3_723_004, 62_000, 5_400_000]);
    expect(['', 'x', '1:60', '1:61:00', '-1', '1:2:3:4'].map(parseClock)).toEqual([null, null, null, null, null, null]);
  });
});

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Keeper, type Kept, type Outcome, opened, type State } from '../src/draft/keeper';
import type { Cues } from '../src/model/cue';

function draft(text: string): Cues {
  return [{ id: 'a', start_ms: 0, end_ms: 1_000, text, speaker: '' }];
}

/** An API that keeps drafts as the real one does, and a machine that keeps what it is given. */
class World {
  stored = draft('');
  version = 1;
  kept: Kept | null = null;
  saves = 0;
  trouble: Outcome | null = null;
  states: State['phase'][] = [];
  hold: Promise<void> = Promise.resolve();

  keeper(): Keeper {
    const etag = `"${this.version}"`;
    const { cues, state } = opened(this.kept, { cues: this.stored, etag });
    return new Keeper(
      {
        save: async (saved, base): Promise<Outcome> => {
          this.saves += 1;
          await this.hold;
          if (this.trouble !== null) return this.trouble;
          if (base !== `"${this.version}"`) return { kind: 'stale', theirs: this.stored, etag: `"${this.version}"` };
          this.stored = saved;
          this.version += 1;
          return { kind: 'saved', etag: `"${this.version}"` };
        },
        keep: async (kept) => {
          this.kept = kept;
        },
        now_ms: () => Date.now(),
        after: (ms, callback) => {
          const timer = setTimeout(callback, ms);
          return () => clearTimeout(timer);
        },
        tell: (told) => this.states.push(told.phase),
      },
      this.stored,
      etag,
      cues,
      state,
    );
  }
}

let world: World;
beforeEach(() => {
  vi.useFakeTimers();
  world = new World();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('what is typed', () => {
  test('is on the machine at once, at the API soon, and then no longer on the machine', async () => {
    world.keeper().edited(draft('One'));
    await vi.advanceTimersByTimeAsync(200);
    expect(world.kept?.cues).toEqual(draft('One'));
    expect(world.saves).toBe(0);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(world.stored).toEqual(draft('One'));
    expect(world.kept).toBeNull();
    expect(world.states).toEqual(['unsaved', 'saving', 'saved']);
  });

  test('is saved after ten seconds though nobody stops typing', async () => {
    const keeper = world.keeper();
    for (let key = 0; key < 100; key += 1) {
      keeper.edited(draft('x'.repeat(key + 1)));
      await vi.advanceTimersByTimeAsync(200);
    }
    expect(world.saves).toBeGreaterThanOrEqual(1);
    expect(world.saves).toBeLessThanOrEqual(3);
  });

  test('while a save is under way is saved next', async () => {
    let release = (): void => undefined;
    world.hold = new Promise((resolve) => (release = resolve));
    const keeper = world.keeper();
    keeper.edited(draft('One'));
    await vi.advanceTimersByTimeAsync(2_100);
    keeper.edited(draft('One two'));
    release();
    await vi.advanceTimersByTimeAsync(100);
    expect(world.stored).toEqual(draft('One'));
    expect(keeper.isSaved()).toBe(false);
    await vi.advanceTimersByTimeAsync(2_500);
    expect(world.stored).toEqual(draft('One two'));
    expect(keeper.isSaved()).toBe(true);
  });
});

test('a save that is asked for while another runs comes after it', async () => {
  let release = (): void => undefined;
  world.hold = new Promise((resolve) => (release = resolve));
  const keeper = world.keeper();
  keeper.edited(draft('One'));
  await vi.advanceTimersByTimeAsync(2_100);
  keeper.edited(draft('One two'));
  const asked = keeper.saveNow();
  release();
  await asked;
  expect(world.stored).toEqual(draft('One two'));
  expect(world.saves).toBe(2);
});

describe('a lost connection', () => {
  test('keeps typing on the machine and saves once it is back', async () => {
    world.trouble = { kind: 'offline' };
    const keeper = world.keeper();
    keeper.edited(draft('One'));
    await vi.advanceTimersByTimeAsync(5_000);
    keeper.edited(draft('One two'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(world.kept?.cues).toEqual(draft('One two'));
    expect(world.saves).toBeLessThan(8);
    world.trouble = null;
    await vi.advanceTimersByTimeAsync(31_000);
    expect(world.stored).toEqual(draft('One two'));
    expect(world.kept).toBeNull();
  });

  test('and a closed tab: the next one goes on from what is on the machine', async () => {
    world.trouble = { kind: 'offline' };
    world.keeper().edited(draft('One'));
    await vi.advanceTimersByTimeAsync(3_000);
    world.trouble = null;
    const next = world.keeper();
    await vi.advanceTimersByTimeAsync(100);
    expect(world.stored).toEqual(draft('One'));
    expect(next.isSaved()).toBe(true);
  });
});

test('an expired login waits for another one, and saves then', async () => {
  world.trouble = { kind: 'expired' };
  const keeper = world.keeper();
  keeper.edited(draft('One'));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(world.saves).toBe(1);
  keeper.edited(draft('One two'));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(world.kept?.cues).toEqual(draft('One two'));
  world.trouble = null;
  await keeper.saveNow();
  expect(world.stored).toEqual(draft('One two'));
});

test('a stale save overwrites nothing, keeps mine on the machine, and goes on with what was made of both', async () => {
  const keeper = world.keeper();
  world.stored = draft('Theirs');
  world.version = 7;
  keeper.edited(draft('Mine'));
  await vi.advanceTimersByTimeAsync(20_000);
  expect(world.stored).toEqual(draft('Theirs'));
  expect(world.kept?.cues).toEqual(draft('Mine'));
  expect(keeper.now()).toMatchObject({ phase: 'stale', theirs: draft('Theirs') });
  await keeper.settle(draft('Both'));
  expect(world.stored).toEqual(draft('Both'));
  expect(world.kept).toBeNull();
});

test('what is on the machine and older than the API\'s draft is shown beside it', () => {
  const kept = { base: draft(''), etag: '"1"', cues: draft('Mine'), typed_epoch_ms: 0 };
  expect(opened(kept, { cues: draft('Theirs'), etag: '"2"' })).toMatchObject({ cues: draft('Mine'), state: { phase: 'stale' } });
});

test('an order that has ended is saved no more, and its text stays on the machine', async () => {
  world.trouble = { kind: 'ended' };
  const keeper = world.keeper();
  keeper.edited(draft('One'));
  await vi.advanceTimersByTimeAsync(60_000);
  await keeper.saveNow();
  expect(world.saves).toBe(1);
  expect(world.kept?.cues).toEqual(draft('One'));
  await keeper.close(true);
  expect(world.kept).toBeNull();
});

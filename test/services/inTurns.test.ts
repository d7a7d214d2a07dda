/** Long decisions let other work have its turn. */
import { describe, expect, test } from '@jest/globals';
import { inTurns } from '../../services/matching/inTurns';

/** What happens, in order: steps, each of so many ms by the clock, and turns of other work. */
async function happens(stepMs: number, count: number): Promise<string> {
  let [now, isOver, log] = [0, false, ''];
  const others = () => {
    if (isOver) return;
    log += '|';
    setImmediate(others);
  };
  function* steps(): Generator<void, string> {
    for (let step = 0; step < count; step++) {
      now += stepMs;
      log += 's';
      yield;
    }
    return 'decided';
  }
  setImmediate(others);
  const decided = await inTurns(steps(), () => now);
  isOver = true;
  expect(decided).toBe('decided');
  return log;
}

describe('in turns', () => {
  test('other work has its turn after each step that is long', async () => {
    expect(await happens(10, 5)).toMatch(/^(s\|+){5}$/);
  });

  test('and after so many short ones as take as long', async () => {
    expect(await happens(4, 9)).toMatch(/^(sss\|+){3}$/);
  });

  test('steps that take no time go on without a break', async () => {
    expect(await happens(0, 100)).toBe('s'.repeat(100));
  });

  test('what a step throws comes out', async () => {
    await expect(
      inTurns(
        (function* (): Generator<void, never> {
          yield;
          throw new Error('broken');
        })(),
      ),
    ).rejects.toThrow('broken');
  });
});

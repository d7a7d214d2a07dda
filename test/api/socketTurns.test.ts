import { describe, expect, test } from '@jest/globals';
import { takingTurns } from '../../api/realtime/turns';

const ticks = async (count = 20): Promise<void> => {
  for (let tick = 0; tick < count; tick++) await new Promise((resolve) => setTimeout(resolve, 0));
};

describe('turns', () => {
  test('let so many run at once, in the order in which they came', async () => {
    const inTurn = takingTurns(2, () => 0);
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    const all = Array.from({ length: 6 }, (_, index) =>
      inTurn(async () => {
        begun.push(index);
        await new Promise<void>((resolve) => (ends[index] = resolve));
        return index;
      }),
    );
    await ticks();
    expect(begun).toEqual([0, 1]);
    ends[1]?.();
    await ticks();
    expect(begun).toEqual([0, 1, 2]);
    for (let index = 0; index < 6; index++) {
      await ticks();
      ends[index]?.();
    }
    expect(await Promise.all(all)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(begun).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('go on after a failure, and are free again at the end', async () => {
    const inTurn = takingTurns(1, () => 0);
    const failed = inTurn(() => Promise.reject(new Error('away')));
    const next = inTurn(async () => 'read');
    await expect(failed).rejects.toThrow('away');
    expect(await next).toBe('read');
    expect(await inTurn(async () => 'again')).toBe('again');
  });
});

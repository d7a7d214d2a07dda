import { describe, expect, test } from '@jest/globals';
import { pause, poll, waitUntil } from '../../simulator/kit/pause';

describe('waiting', () => {
  test('never ends early', async () => {
    for (let i = 0; i < 20; i++) {
      const at = Date.now() + 3;
      expect(await waitUntil(at)).toBe(true);
      expect(Date.now()).toBeGreaterThanOrEqual(at);
    }
  });

  test('ends when the signal aborts', async () => {
    const stop = new AbortController();
    const waiting = pause(60_000, stop.signal);
    stop.abort();
    expect(await waiting).toBe(false);
    expect(await pause(60_000, stop.signal)).toBe(false);
  });

  test('a poll ends at the first value or at its deadline', async () => {
    let asked = 0;
    const third = async (): Promise<string | undefined> => (++asked === 3 ? 'here' : undefined);
    expect(await poll(third, { everyMs: 1, deadlineAt: Date.now() + 5_000 })).toBe('here');
    expect(await poll(async () => undefined, { everyMs: 5, deadlineAt: Date.now() + 20 })).toBeUndefined();
  });
});

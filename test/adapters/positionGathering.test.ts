import { describe, expect, test } from '@jest/globals';
import { gatherPositions } from '../../adapters/redis/positionGathering';
import type { Position } from '../../services/ports';

const NOW = Date.UTC(2026, 0, 31, 12);
const fixes = (count: number): Position[] =>
  Array.from({ length: count }, (_, at) => ({
    at: NOW + at,
    point: { lat: 52, lng: 4 },
    accuracyMeters: 5,
    speedMps: null,
    headingDegrees: null,
  }));
const ping = (driverId: string, count = 1) => ({ driverId, fixes: fixes(count), receivedAt: NOW });

/** Returns the given outcomes call by call, and records the calls. */
function recorder(...answers: (unknown[] | Error)[]): {
  record: (pings: (string | number)[]) => Promise<unknown>;
  calls: (string | number)[][];
} {
  const calls: (string | number)[][] = [];
  return {
    calls,
    record: async (pings) => {
      calls.push(pings);
      const answer = answers[calls.length - 1];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
}

describe('pings of one event-loop turn', () => {
  test('go to Redis in one call, and each gets its own outcome', async () => {
    const { record, calls } = recorder([0, -1, 1]);
    const send = gatherPositions(record);
    expect(await Promise.all([send(ping('a')), send(ping('b', 2)), send(ping('c'))])).toEqual([
      { cameOn: false },
      'unknown',
      { cameOn: true },
    ]);
    expect(calls).toEqual([
      [
        'a',
        NOW,
        1,
        NOW,
        52,
        4,
        5,
        '',
        '',
        'b',
        NOW,
        2,
        NOW,
        52,
        4,
        5,
        '',
        '',
        NOW + 1,
        52,
        4,
        5,
        '',
        '',
        'c',
        NOW,
        1,
        NOW,
        52,
        4,
        5,
        '',
        '',
      ],
    ]);
  });

  test('are split where they have too many positions for one call', async () => {
    const { record, calls } = recorder([0, 0], [1], [0]);
    const send = gatherPositions(record);
    await Promise.all([send(ping('a', 100)), send(ping('b', 100)), send(ping('c', 500)), send(ping('d'))]);
    expect(calls.map((args) => args.filter((arg) => /^[a-d]$/.test(String(arg))).join(''))).toEqual([
      'ab',
      'c',
      'd',
    ]);
  });

  test('fail together where the call fails, and the next turn starts afresh', async () => {
    const { record } = recorder(new Error('Redis is away'), [0]);
    const send = gatherPositions(record);
    expect(
      (await Promise.allSettled([send(ping('a')), send(ping('b'))])).map(({ status }) => status),
    ).toEqual(['rejected', 'rejected']);
    expect(await send(ping('a'))).toEqual({ cameOn: false });
  });

  test('fail where Redis returns the wrong number of outcomes', async () => {
    const send = gatherPositions(recorder([0, 0]).record);
    await expect(send(ping('a'))).rejects.toThrow();
  });
});

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createAnnouncedIntervals } from '../../adapters/redis/sweepIntervals';
import { eventually } from '../support/eventually';
import { type FreshRedis, freshRedis } from '../support/freshRedis';

let fresh: FreshRedis;
beforeAll(async () => void (fresh = await freshRedis()));
afterAll(() => fresh.close());

test('workers agree on the shortest interval of each sweep, by what was announced lately', async () => {
  const { redis, keyPrefix } = fresh;
  const { announce } = createAnnouncedIntervals(redis, { keyPrefix });
  expect(await announce({ a: 60_000, b: 1_000 })).toEqual({ a: 60_000, b: 1_000 });
  expect(await announce({ a: 300_000, b: 500 })).toEqual({ a: 60_000, b: 500 });
  expect(await announce({ b: 9_000 })).toEqual({ b: 500 });
  // the worker that wanted 60 s was last there long ago
  await redis.zadd(`${keyPrefix}sweeps:a`, Date.now() - 180_001, '60000');
  expect(await announce({ a: 300_000 })).toEqual({ a: 300_000 });
});

test('an announcement ends by itself, and leaves no key', async () => {
  const { redis, keyPrefix } = fresh;
  const { announce } = createAnnouncedIntervals(redis, { keyPrefix, holdsMs: 50 });
  await announce({ short: 5 });
  await eventually('it has ended', async () => (await redis.exists(`${keyPrefix}sweeps:short`)) === 0);
  expect(await announce({ short: 10 })).toEqual({ short: 10 });
});

/** Points of a limit while Redis is away. */
import { afterEach, expect, jest, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import { PointCounter } from '../../api/http/pointCounter';

afterEach(() => void jest.restoreAllMocks());

test('a point that is taken as Redis is about to be asked again can still be spent', async () => {
  const nowhere = new Redis({ port: 1, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null });
  const options = { keyPrefix: 'limit', points: 250, duration: 60 };
  const shared = new RateLimiterRedis({ ...options, storeClient: nowhere, rejectIfRedisNotReady: true });
  const counter = new PointCounter(250, shared, new RateLimiterMemory(options), () => undefined);
  const startedAt = Date.now();
  const clock = jest.spyOn(Date, 'now').mockReturnValue(startedAt);
  await counter.take('key', 10, 1); // Redis fails, and is not asked for a second
  clock.mockReturnValue(startedAt + 999);
  const { left, until } = await counter.take('key', 10, 1);
  expect(left).toBe(1);
  expect(until).toBeGreaterThan(startedAt + 2_000);
  nowhere.disconnect();
});

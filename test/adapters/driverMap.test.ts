import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { createRedisDriverMap } from '../../adapters/redis/driverMap';
import { describeDriverMap, FRESH_MS, type MapUnderTest } from '../support/driverMapConformance';
import { describeFixRules } from '../support/fixConformance';
import { type FreshRedis, freshRedis } from '../support/freshRedis';
import { createMemoryDriverMap } from '../support/memoryDriverMap';

const inRedis = async (): Promise<MapUnderTest> => {
  const { redis, keyPrefix, flush, close } = await freshRedis();
  return { map: createRedisDriverMap(redis, { freshPositionMs: FRESH_MS, keyPrefix }), flush, close };
};
const inMemory = async (): Promise<MapUnderTest> => {
  const map = createMemoryDriverMap({ freshPositionMs: FRESH_MS });
  return { map, flush: async () => map.flush(), close: async () => {} };
};
describeDriverMap('in Redis', inRedis);
describeDriverMap('in memory', inMemory);
describeFixRules('in Redis', inRedis);
describeFixRules('in memory', inMemory);

let fresh: FreshRedis;
beforeAll(async () => void (fresh = await freshRedis()));
afterAll(() => fresh.close());

/** As a failover to a replica, or SCRIPT FLUSH by hand, leaves it: the client still counts its scripts as loaded. */
test.each([true, false])(
  'the live map recovers after Redis lost its scripts, with pipelining %s',
  async (enableAutoPipelining) => {
    const redis = new Redis(fresh.url, { enableAutoPipelining });
    const map = createRedisDriverMap(redis, { freshPositionMs: FRESH_MS, keyPrefix: fresh.keyPrefix });
    await map.reportIngestUp(1_000);
    await fresh.redis.script('FLUSH');
    const answers = await Promise.all([
      map.reportIngestUp(2_000),
      map.ingestUpSince(2_000),
      map.readViews(['nobody']),
    ]);
    expect(answers[1]).toBe(1_000);
    await redis.quit();
  },
);

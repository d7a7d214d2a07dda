import { createRedisDriverMap } from '../../adapters/redis/driverMap';
import { describeDriverMap, FRESH_MS } from '../support/driverMapConformance';
import { freshRedis } from '../support/freshRedis';
import { createMemoryDriverMap } from '../support/memoryDriverMap';

describeDriverMap('in Redis', async () => {
  const { redis, keyPrefix, flush, close } = await freshRedis();
  return { map: createRedisDriverMap(redis, { freshPositionMs: FRESH_MS, keyPrefix }), flush, close };
});

describeDriverMap('in memory', async () => {
  const map = createMemoryDriverMap({ freshPositionMs: FRESH_MS });
  return { map, flush: async () => map.flush(), close: async () => {} };
});

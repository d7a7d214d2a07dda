import { Redis } from 'ioredis';
import type { MapPicture } from './mapRules';

/** Reads the live map from Redis. */
export type MapReader = {
  /** @throws Error where it does not answer in time */
  read(cityIds: readonly string[], driverIds: readonly string[]): Promise<MapPicture>;
  close(): void;
};

/** @param timeoutMs of one command */
export function openMapReader(redisUrl: string, timeoutMs: number): MapReader {
  const redis = new Redis(redisUrl, {
    commandTimeout: timeoutMs,
    connectTimeout: timeoutMs,
    socketTimeout: 2 * timeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => 200,
    enableAutoPipelining: true,
  });
  // Redis is killed on purpose; the command reports the error.
  redis.on('error', () => undefined);
  return {
    read: async (cityIds, driverIds) => {
      const members = async (part: string): Promise<Set<string>> =>
        new Set(await redis.zrange(`drivers:geo${part}`, '0', '-1'));
      const shards = (prefix: string) =>
        Promise.all(cityIds.map(async (cityId) => [cityId, await members(`${prefix}:${cityId}`)] as const));
      // The sets are read before the hashes: a driver who changes in between has a newer version.
      const [all, free, busy] = await Promise.all([members(''), shards(''), shards(':busy')]);
      const known = await Promise.all(
        driverIds.map(async (id) => [id, await redis.hmget(`driver:${id}`, 'version', 'seen')] as const),
      );
      return {
        all,
        free: new Map(free),
        busy: new Map(busy),
        known: new Map(
          known.flatMap(([id, [version, seen]]) =>
            typeof version === 'string'
              ? [
                  [
                    id,
                    { version: Number(version), heardAt: typeof seen === 'string' ? Number(seen) : null },
                  ] as const,
                ]
              : [],
          ),
        ),
      };
    },
    close: () => redis.disconnect(),
  };
}

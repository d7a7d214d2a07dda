import { Redis } from 'ioredis';
import { v7 as newId } from 'uuid';
import { requiredVariable } from './database';

/** A corner of the tests' Redis of a test file's own: every key begins with `keyPrefix`. */
export type FreshRedis = {
  redis: Redis;
  url: string;
  keyPrefix: string;
  /** Loses everything in this corner, as FLUSHALL does for all. */
  flush: () => Promise<void>;
  close: () => Promise<void>;
};

export async function freshRedis(): Promise<FreshRedis> {
  const url = requiredVariable('TEST_REDIS_URL');
  const redis = new Redis(url);
  const keyPrefix = `test-${newId()}:`;
  const flush = async (): Promise<void> => {
    const keys = await redis.keys(`${keyPrefix}*`);
    if (keys.length > 0) await redis.del(...keys);
  };
  return {
    redis,
    url,
    keyPrefix,
    flush,
    close: async () => {
      await flush();
      await redis.quit();
    },
  };
}

import { type Redis, type RedisOptions } from 'ioredis';

/** A replica's refusal of a write; a script quotes it. */
const READ_ONLY = /\bREADONLY\b/;
const PROBE_KEY = 'readiness:probe';
const PROBE_KEPT_MS = 10_000;

/**
 * For every connection that writes. A primary that was demoted keeps its connections and refuses their writes:
 * a new connection reaches the primary that took over. The refused command fails, and its caller retries.
 */
export const FOLLOWING_PRIMARY: Pick<RedisOptions, 'reconnectOnError'> = {
  reconnectOnError: ({ message }) => READ_ONLY.test(message),
};

/** @throws Error while Redis takes no writes: away, a replica, loading, out of memory, unable to persist */
export async function requireWritableRedis(redis: Redis): Promise<void> {
  await redis.set(PROBE_KEY, '1', 'PX', PROBE_KEPT_MS);
}

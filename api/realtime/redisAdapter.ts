import type { Redis } from 'ioredis';

/** The part of a Redis client that the Socket.IO adapter uses. */
export type AdapterClient = Pick<Redis, 'on' | 'off'> & {
  publish(channel: string, message: string | Buffer): void;
  psubscribe(pattern: string): void;
  punsubscribe(pattern: string): void;
  subscribe(channels: string[]): void;
  unsubscribe(channels: string[]): void;
};

/**
 * Wraps a Redis client for the adapter. The adapter ignores the promises of its calls, so a failed call would
 * end the process as an unhandled rejection. The wrapper reports the failure to `onError` instead.
 */
export function forAdapter(redis: Redis, onError: (error: unknown) => void): AdapterClient {
  const reportFailure = (call: Promise<unknown>): void => void call.catch(onError);
  return {
    on: redis.on.bind(redis),
    off: redis.off.bind(redis),
    publish: (channel, message) => reportFailure(redis.publish(channel, message)),
    psubscribe: (pattern) => reportFailure(redis.psubscribe(pattern)),
    punsubscribe: (pattern) => reportFailure(redis.punsubscribe(pattern)),
    subscribe: (channels) => reportFailure(redis.subscribe(...channels)),
    unsubscribe: (channels) => reportFailure(redis.unsubscribe(...channels)),
  };
}

import type { Redis } from 'ioredis';

/** What the Socket.IO adapter uses of a client of Redis. */
export type AdapterClient = Pick<Redis, 'on' | 'off'> & {
  publish(channel: string, message: string | Buffer): void;
  psubscribe(pattern: string): void;
  punsubscribe(pattern: string): void;
  subscribe(channels: string[]): void;
  unsubscribe(channels: string[]): void;
};

/**
 * The adapter drops the promises of its calls: one that fails while Redis is away would end the process. Here
 * the failure is said and no more.
 */
export function forAdapter(redis: Redis, onError: (error: unknown) => void): AdapterClient {
  const quietly = (call: Promise<unknown>): void => void call.catch(onError);
  return {
    on: redis.on.bind(redis),
    off: redis.off.bind(redis),
    publish: (channel, message) => quietly(redis.publish(channel, message)),
    psubscribe: (pattern) => quietly(redis.psubscribe(pattern)),
    punsubscribe: (pattern) => quietly(redis.punsubscribe(pattern)),
    subscribe: (channels) => quietly(redis.subscribe(...channels)),
    unsubscribe: (channels) => quietly(redis.unsubscribe(...channels)),
  };
}

import { Emitter as RedisEmitter } from '@socket.io/redis-emitter';
import { type Redis } from 'ioredis';

/** One event as it goes over the wire. */
type WireEvent = { rooms: string[]; event: string; body: object };

/**
 * Emits events through Redis to the API processes, whichever holds the sockets.
 * @param channelPrefix that of the gateway
 */
export function createSocketEmitter(
  redis: Redis,
  channelPrefix = 'socket.io',
): { emit(event: WireEvent): Promise<void> } {
  return {
    emit: async ({ rooms, event, body }) => {
      if (rooms.length === 0) return;
      // The library does not await its own publish, so an absent Redis would end the process with an
      // unhandled rejection.
      const published: Promise<number>[] = [];
      const client = {
        publish: (channel: string, message: Buffer) => void published.push(redis.publish(channel, message)),
      };
      new RedisEmitter(client, { key: channelPrefix }).to(rooms).emit(event, body);
      await Promise.all(published);
    },
  };
}

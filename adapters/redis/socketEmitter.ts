import { Emitter as RedisEmitter } from '@socket.io/redis-emitter';
import { type Redis } from 'ioredis';
import { type Emitter } from '../../services/ports';

/**
 * Sends events through Redis to whichever API process holds the sockets. `channelPrefix` must be that of the
 * gateway.
 */
export function createSocketEmitter(redis: Redis, channelPrefix = 'socket.io'): Emitter {
  return {
    emit: async ({ rooms, event, body }) => {
      if (rooms.length === 0) return;
      // The library does not wait for its own publish, so that a Redis that is away would end the process by
      // an unhandled rejection.
      const published: Promise<number>[] = [];
      const client = {
        publish: (channel: string, message: Buffer) => void published.push(redis.publish(channel, message)),
      };
      new RedisEmitter(client, { key: channelPrefix }).to(rooms).emit(event, body);
      await Promise.all(published);
    },
  };
}

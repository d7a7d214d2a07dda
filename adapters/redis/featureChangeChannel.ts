import { type Redis } from 'ioredis';
import { type FeatureChangeChannel } from '../../services/features/featureRegistry';
import { type Log } from '../../services/ports';

export const FEATURES_CHANNEL = 'features:changed';

/**
 * Announces feature changes through Redis pub/sub, on a connection of its own that reconnects by itself. An
 * outage is logged once.
 */
export function createFeatureChangeChannel(
  redis: Redis,
  log: Pick<Log, 'info' | 'warn'>,
  channel = FEATURES_CHANNEL,
): FeatureChangeChannel {
  const listener = redis.duplicate({
    lazyConnect: true,
    maxRetriesPerRequest: null,
    commandTimeout: undefined,
    socketTimeout: undefined,
  });
  let [isAway, isStopped] = [false, false];
  return {
    listen: (onChange) => {
      const lost = (fields: object): void => {
        if (!isAway && !isStopped)
          log.warn(fields, 'feature changes cannot be received from Redis; polling every few seconds');
        isAway = true;
      };
      listener.on('error', (error) => lost({ err: error }));
      listener.on('close', () => lost({})); // a connection that is closed on purpose is no error
      listener.on('ready', () => {
        if (!isAway) return;
        isAway = false;
        log.info({}, 'feature changes are received from Redis again');
        onChange(); // a message may have been missed
      });
      listener.on('message', onChange);
      listener.subscribe(channel).catch((error: unknown) => {
        if (!isStopped)
          log.warn({ err: error }, 'the subscription to feature changes failed; polling every few seconds');
      });
    },
    publish: async () => void (await redis.publish(channel, '')),
    stop: async () => {
      isStopped = true;
      listener.disconnect();
    },
  };
}

import { type Redis } from 'ioredis';
import { type FeatureNews } from '../../services/features/featureRegistry';
import { type Log } from '../../services/ports';

export const FEATURES_CHANNEL = 'features:changed';

/**
 * Announces feature changes through Redis pub/sub, on a connection of its own that reconnects by itself. An
 * outage is logged once.
 */
export function createFeatureNews(
  redis: Redis,
  log: Pick<Log, 'info' | 'warn'>,
  channel = FEATURES_CHANNEL,
): FeatureNews {
  const listener = redis.duplicate({
    lazyConnect: true,
    maxRetriesPerRequest: null,
    commandTimeout: undefined,
    socketTimeout: undefined,
  });
  let [isAway, isStopped] = [false, false];
  return {
    listen: (onNews) => {
      const lost = (fields: object): void => {
        if (!isAway && !isStopped)
          log.warn(fields, 'Redis tells no news of features: they are asked for every few seconds');
        isAway = true;
      };
      listener.on('error', (error) => lost({ err: error }));
      listener.on('close', () => lost({})); // a connection that is closed on purpose is no error
      listener.on('ready', () => {
        if (!isAway) return;
        isAway = false;
        log.info({}, 'Redis tells news of features again');
        onNews(); // a message may have been missed
      });
      listener.on('message', onNews);
      listener.subscribe(channel).catch((error: unknown) => {
        if (!isStopped)
          log.warn({ err: error }, 'there will be no news of features: they are asked for every few seconds');
      });
    },
    tell: async () => void (await redis.publish(channel, '')),
    stop: async () => {
      isStopped = true;
      listener.disconnect();
    },
  };
}

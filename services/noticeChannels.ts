import { channelRefuses } from './noticeMetrics';
import { type Clock, type Log, type Notifier } from './ports';

type Channel = Notifier['channel'];

/** A channel that refuses what it is sent, such as after its key was revoked. `since`: epoch ms. */
export type RefusingChannel = { channel: Channel; since: number; reason: string };

/**
 * Which channels of notices refuse, in this process: shown by /health/ready and a gauge, and logged with each notice.
 * A refusing channel is no reason to take no requests.
 */
export type NoticeChannels = {
  /** @returns whether it began to refuse with this */
  refused(channel: Channel, reason: string): boolean;
  sent(channel: Channel): void;
  refusing(): readonly RefusingChannel[];
};

export function createNoticeChannels(clock: Clock, log: Pick<Log, 'info'>): NoticeChannels {
  const refusing = new Map<Channel, RefusingChannel>();
  return {
    refused: (channel, reason) => {
      const isNew = !refusing.has(channel);
      channelRefuses.set({ channel }, 1);
      const since = refusing.get(channel)?.since ?? clock();
      refusing.set(channel, { channel, since, reason });
      return isNew;
    },
    sent: (channel) => {
      channelRefuses.set({ channel }, 0);
      if (refusing.delete(channel)) log.info({ channel }, 'a channel takes notices again');
    },
    refusing: () => [...refusing.values()],
  };
}

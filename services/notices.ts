import { LRUCache } from 'lru-cache';
import { type Notice, type NoticeAddressee } from '../domain/notices/notice';
import { createNoticeChannels, type NoticeChannels } from './noticeChannels';
import { notifications, notificationSeconds, notificationsGivenUp } from './noticeMetrics';
import { NotBefore } from './outbox/sending';
import { type Clock, type Log, type NoticeOutcome, type Notifier } from './ports';

/**
 * How long one call to a channel may take; it is shorter than the outbox lease, so that no other process
 * sends the same notice.
 */
export const NOTICE_TIMEOUT_MS = 5_000;

/**
 * A `resolved` notice is retried for this long, because an incident without it stays open forever (ADR 10).
 */
const RESOLVED_MAX_AGE_MS = 24 * 3_600_000;

/** An `open` notice that its channel could not take for this long also goes to the second channel. */
const SECOND_AFTER_MS = 60_000;
/** The most notices remembered that already went to a second channel while the first is tried again. */
const MAX_REMEMBERED = 10_000;

/** The channel refused the notice for good, so a retry cannot succeed. */
export class NoticeRefused extends Error {
  override name = 'NoticeRefused';

  /** @param isOfChannel false: this notice was refused, and the channel may take others */
  constructor(
    message: string,
    readonly isOfChannel = true,
  ) {
    super(message);
  }
}

export type Notifiers = Readonly<Record<NoticeAddressee['kind'], Notifier>>;
export type NoticeDeps = {
  notifiers: Notifiers;
  clock: Clock;
  maxAgeMs: number;
  log: Log;
  channels?: NoticeChannels;
};

type Sending = Required<Pick<NoticeDeps, 'log' | 'channels' | 'notifiers' | 'clock'>>;

/**
 * Sends each notice through its addressee's channel, and through the second one where the first refuses it or takes
 * nothing for a minute. A notice that no channel takes, or that has expired, is dropped, logged and counted, so that
 * later ones need not wait for it.
 * @returns a function that throws if the notice must be retried
 */
export function createNotices({
  notifiers,
  clock,
  maxAgeMs,
  log,
  channels = createNoticeChannels(clock, log),
}: NoticeDeps): (notice: Notice) => Promise<void> {
  const rests = { support: createRest(clock), pager: createRest(clock), driver: NO_REST };
  const sentBySecond = new LRUCache<string, true>({ max: MAX_REMEMBERED });
  const sending = { log, channels, notifiers, clock };
  return async (notice) => {
    const { kind } = notice.to;
    const notifier = notifiers[kind];
    const ageMs = clock() - notice.at;
    if (ageMs > longestMs(notice, maxAgeMs)) return giveUp(notice, notifier, log);
    try {
      await rests[kind](() => deliver(notice, notifier, sending));
    } catch (error) {
      const { second } = notifier;
      const key = `${notice.about} ${notice.alert ?? ''} ${notice.at}`;
      if (second && notice.what === 'open' && ageMs > SECOND_AFTER_MS && !sentBySecond.has(key)) {
        await deliver(forSecond(notice, notifier, error), second, sending);
        sentBySecond.set(key, true);
      }
      throw error; // the first is tried again: a chat wakes nobody
    }
  };
}

/** A `resolved` notice to a driver is not kept longer than others. */
function longestMs({ what, to }: Notice, maxAgeMs: number): number {
  return what === 'resolved' && to.kind !== 'driver' ? Math.max(RESOLVED_MAX_AGE_MS, maxAgeMs) : maxAgeMs;
}

function giveUp({ to, about, what, title, at }: Notice, { channel }: Notifier, log: Log): void {
  notificationsGivenUp.inc({ channel });
  log.error(
    { channel, to: to.kind, about, what, title, at: new Date(at).toISOString() },
    'notice dropped: it could not be sent in time',
  );
}

/** The second channel says that and why it has what was meant for the first. */
function forSecond(notice: Notice, { channel }: Notifier, error: unknown): Notice {
  const reason = error instanceof Error ? error.message : String(error);
  return {
    ...notice,
    title: `Not by ${channel}: ${notice.title}`,
    text: `${notice.text} It could not be sent by ${channel}: ${reason}.`.trim(),
  };
}

/** @throws if it must be retried */
async function deliver(notice: Notice, notifier: Notifier, sending: Sending): Promise<void> {
  const { channel, second } = notifier;
  const refusal = await attempt(notice, notifier, sending);
  if (refusal === null) return;
  const { about, what, title } = notice;
  if (second) {
    sending.log.error(
      { err: refusal, channel, about, what, title },
      'notice refused by the channel; it goes to the second one',
    );
    return deliver(forSecond(notice, notifier, refusal), second, sending);
  }
  sending.log.error(
    { err: refusal, channel, about, what, title },
    'notice refused by the channel; it is not retried',
  );
}

/** @returns the refusal, or null where it was sent. @throws if it must be retried */
async function attempt(
  notice: Notice,
  notifier: Notifier,
  { channels, notifiers, clock, log }: Sending,
): Promise<NoticeRefused | null> {
  const { channel, second } = notifier;
  const stop = notificationSeconds.startTimer({ channel });
  try {
    const outcome: NoticeOutcome = await notifier.notify(notice);
    notifications.inc({ channel, result: outcome });
    if (outcome === 'sent') channels.sent(channel);
    return null;
  } catch (error) {
    const isRefused = error instanceof NoticeRefused;
    notifications.inc({ channel, result: isRefused ? 'refused' : 'failed' });
    if (!isRefused) throw error;
    const begins = error.isOfChannel && channels.refused(channel, error.message);
    if (begins && !second && notifiers.support.channel !== channel)
      await notifiers.support
        .notify(channelNotice(channel, error, notice.cityId, clock()))
        .catch((err: unknown) =>
          log.error({ err, channel }, 'support could not be told of a refusing channel'),
        );
    return error;
  } finally {
    stop();
  }
}

/** Tells support of a channel that has no second one: drivers with a closed app hear of no offers. */
function channelNotice(
  channel: Notifier['channel'],
  { message }: NoticeRefused,
  cityId: string,
  at: number,
): Notice {
  return {
    to: { kind: 'support' },
    about: `channel/${channel}`,
    what: 'open',
    severity: 'error',
    title: `${channel} refuses notices: ${message}`,
    text: 'Its keys may have been revoked. Nobody is reached by it until it takes notices again.',
    link: null,
    cityId,
    facts: {},
    at,
  };
}

type Rest = (act: () => Promise<void>) => Promise<void>;

/**
 * While a channel is rate limited, its notices are postponed without a call. Drivers have no common limit,
 * because each push service has its own.
 */
function createRest(clock: Clock): Rest {
  let until = 0;
  return async (act) => {
    const leftMs = until - clock();
    if (leftMs > 0) throw new NotBefore('the channel is rate limited', leftMs);
    try {
      await act();
    } catch (error) {
      if (error instanceof NotBefore) until = clock() + error.delayMs;
      throw error;
    }
  };
}

const NO_REST: Rest = (act) => act();

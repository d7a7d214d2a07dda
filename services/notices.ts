import { type Notice, type NoticeAddressee } from '../domain/notices/notice';
import { notifications, notificationSeconds, notificationsGivenUp } from './noticeMetrics';
import { NotBefore } from './outbox/outboxRelay';
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

/** The channel refused the notice for good, so a retry cannot succeed. */
export class NoticeRefused extends Error {
  override name = 'NoticeRefused';
}

export type Notifiers = Readonly<Record<NoticeAddressee['kind'], Notifier>>;
export type NoticeDeps = { notifiers: Notifiers; clock: Clock; maxAgeMs: number; log: Log };

/**
 * Sends each notice through its addressee's channel. A refused or expired notice is dropped, logged and
 * counted, so that later ones need not wait for it.
 * @returns a function that throws if the notice must be retried
 */
export function createNotices({
  notifiers,
  clock,
  maxAgeMs,
  log,
}: NoticeDeps): (notice: Notice) => Promise<void> {
  const rests = { support: createRest(clock), pager: createRest(clock), driver: NO_REST };
  return async (notice) => {
    const { kind } = notice.to;
    const notifier = notifiers[kind];
    if (clock() - notice.at > longestMs(notice, maxAgeMs)) return giveUp(notice, notifier, log);
    await rests[kind](() => attempt(notice, notifier, log));
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

async function attempt(notice: Notice, notifier: Notifier, log: Log): Promise<void> {
  const { channel } = notifier;
  const stop = notificationSeconds.startTimer({ channel });
  try {
    const outcome: NoticeOutcome = await notifier.notify(notice);
    notifications.inc({ channel, result: outcome });
  } catch (error) {
    const isRefused = error instanceof NoticeRefused;
    notifications.inc({ channel, result: isRefused ? 'refused' : 'failed' });
    if (!isRefused) throw error;
    log.error(
      { err: error, channel, about: notice.about, what: notice.what, title: notice.title },
      'notice refused by the channel; it is not retried',
    );
  } finally {
    stop();
  }
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

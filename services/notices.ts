import { type Notice, type NoticeAddressee } from '../domain/notices/notice';
import { notifications, notificationSeconds, notificationsGivenUp } from './noticeMetrics';
import { NotBefore } from './outbox/outboxRelay';
import { type Clock, type Log, type NoticeOutcome, type Notifier } from './ports';

/**
 * How long one call to a channel may take; under the lease of the outbox, so that no other process sends the
 * same notice meanwhile.
 */
export const NOTICE_TIMEOUT_MS = 5_000;

/**
 * The end of a matter is tried for so long: without it an incident stays open for ever at a pager, or in the
 * minds of a chat (ADR 10).
 */
const RESOLVED_MAX_AGE_MS = 24 * 3_600_000;

/** It will never be taken as it is: trying again helps nobody. */
export class NoticeRefused extends Error {
  override name = 'NoticeRefused';
}

export type Notifiers = Readonly<Record<NoticeAddressee['kind'], Notifier>>;
export type NoticeDeps = { notifiers: Notifiers; clock: Clock; maxAgeMs: number; log: Log };

/**
 * Sends each notice by the channel of its addressee. One that is too old, or never taken, is given up with a
 * log line and a count: a page that is an hour old helps nobody, and the ones behind it wait.
 * @returns a function that throws where the notice is to be tried again
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

/** What is pushed to a driver has no end that anybody waits for. */
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
 * A channel that asked to be left alone is: what comes meanwhile is put off without a call. Push services are
 * many, so one of them speaks for itself only.
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

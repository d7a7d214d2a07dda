import { type OutgoingHttpHeaders, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type LookupFunction } from 'node:net';
import { generateRequestDetails } from 'web-push';
import { type Notice } from '../../domain/notices/notice';
import { isLocalPush, pushEndpointProblem } from '../../domain/notices/pushEndpoint';
import { NOTICE_TIMEOUT_MS, NoticeRefused } from '../../services/notices';
import {
  type Clock,
  type Log,
  type NoticeOutcome,
  type Notifier,
  type VapidKeys,
} from '../../services/ports';
import { type Database } from '../postgres/database';
import { reasonOf, requireTaken } from './noticeHttp';
import { publicLookup } from './publicLookup';

export type WebPushDeps = {
  db: Database;
  vapid: VapidKeys;
  publicUrl: string | null;
  allowLocal: boolean;
  clock: Clock;
  log: Log;
  timeoutMs?: number;
  /** Resolves host names, and refuses private addresses. */
  lookup?: LookupFunction;
};

type Subscription = { id: string; endpoint: string; p256dh: string; auth: string; expiresAt: Date | null };

/** How long a push service keeps a message that is not about an offer. */
const DEFAULT_TTL_SECONDS = 3_600;

/**
 * Pushes to every subscription of a driver through the push services of their browsers (RFC 8030, 8188, 8291,
 * 8292). An offer that was seen, or is over, is not pushed.
 */
export function createWebPushNotifier({
  timeoutMs = NOTICE_TIMEOUT_MS,
  lookup = publicLookup,
  ...deps
}: WebPushDeps): Notifier {
  return {
    channel: 'web_push',
    notify: async (notice) => {
      const { to, facts } = notice;
      if (to.kind !== 'driver') throw new NoticeRefused(`web push is for drivers, not for ${to.kind}`, false);
      const offerId = typeof facts.offerId === 'string' ? facts.offerId : null;
      const subscriptions = await subscriptionsOf(deps, to.driverId, offerId);
      if (subscriptions.length === 0) return 'not_needed';
      const results = await Promise.all(
        subscriptions.map((each) => settled(push(each, notice, offerId, { ...deps, timeoutMs, lookup }))),
      );
      const failures = results.filter((each) => each instanceof Error);
      const passing = failures.find((reason) => !(reason instanceof NoticeRefused));
      if (passing !== undefined) throw passing;
      const isDelivered = results.includes('sent');
      const [first] = failures;
      if (first && !isDelivered) throw first;
      for (const err of failures) deps.log.warn({ err }, 'web push to one subscription of a driver failed');
      return isDelivered ? 'sent' : 'not_needed';
    },
  };
}

function settled(sent: Promise<NoticeOutcome>): Promise<NoticeOutcome | Error> {
  return sent.catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
}

/** Returns no subscriptions if the offer was seen in an open app or has ended. */
function subscriptionsOf(
  { db, clock }: Pick<WebPushDeps, 'db' | 'clock'>,
  driverId: string,
  offerId: string | null,
): Promise<Subscription[]> {
  return db.$queryRaw<Subscription[]>`
    SELECT s.id::text, s.endpoint, s.p256dh, s.auth, o.expires_at AS "expiresAt" FROM push_subscriptions s
      LEFT JOIN offers o ON o.id = ${offerId}::uuid
    WHERE s.driver_id = ${driverId}::uuid AND (${offerId}::text IS NULL
      OR o.driver_id = s.driver_id AND o.state = 'LIVE' AND o.reached_at IS NULL
        AND o.expires_at > ${new Date(clock())})`;
}

type Way = Omit<WebPushDeps, 'timeoutMs' | 'lookup'> & Required<Pick<WebPushDeps, 'timeoutMs' | 'lookup'>>;

/** @throws as Notifier.notify */
async function push(
  subscription: Subscription,
  notice: Notice,
  offerId: string | null,
  way: Way,
): Promise<NoticeOutcome> {
  const { endpoint, p256dh, auth, expiresAt } = subscription;
  const ttlSeconds =
    expiresAt === null ? DEFAULT_TTL_SECONDS : Math.ceil((expiresAt.getTime() - way.clock()) / 1_000);
  if (pushEndpointProblem(endpoint, way) !== null)
    return forget(subscription, 'its address is not allowed', way);
  const { headers, body } = generateRequestDetails(
    { endpoint, keys: { p256dh, auth } },
    payloadOf(notice, offerId, way.publicUrl),
    {
      vapidDetails: way.vapid,
      TTL: Math.max(0, ttlSeconds),
      urgency: 'high',
      // a repeat replaces a message that was not shown yet
      ...(offerId === null ? {} : { topic: offerId.replaceAll('-', '') }),
    },
  );
  const { status, retryAfter } = await post(endpoint, headers, body, way);
  if (status === 404 || status === 410) return forget(subscription, `HTTP ${status}`, way);
  requireTaken('Web push', status, retryAfter, isForKeys);
  return 'sent';
}

/** Our VAPID keys are refused, and with them every push. Other errors are about one subscription. */
function isForKeys(status: number): boolean {
  return status === 401 || status === 403;
}

/**
 * The payload for the app's service worker. It shows one notification for each `offerId`, however often it
 * receives it.
 */
function payloadOf({ title, text, link }: Notice, offerId: string | null, publicUrl: string | null): string {
  const url = link === null ? null : `${publicUrl ?? ''}${link}`;
  return JSON.stringify({ title, body: text, url, ...(offerId === null ? {} : { offerId }) });
}

/** The push service no longer knows the subscription. */
async function forget(
  { id }: Subscription,
  why: string,
  { db, log }: Pick<Way, 'db' | 'log'>,
): Promise<NoticeOutcome> {
  await db.pushSubscription.deleteMany({ where: { id } });
  log.info({ subscriptionId: id, why }, 'push subscription removed');
  return 'not_needed';
}

/** Follows no redirects and connects to no private address. */
function post(
  endpoint: string,
  headers: OutgoingHttpHeaders,
  body: Buffer | null,
  { lookup, allowLocal, timeoutMs }: Way,
): Promise<{ status: number; retryAfter: string | null }> {
  const isLocal = allowLocal && isLocalPush(endpoint);
  const request = new URL(endpoint).protocol === 'http:' ? httpRequest : httpsRequest;
  return new Promise((resolve, reject) => {
    const sent = request(
      endpoint,
      { method: 'POST', headers, signal: AbortSignal.timeout(timeoutMs), ...(isLocal ? {} : { lookup }) },
      (response) => {
        response.on('error', () => {}).resume(); // only the status is read
        resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] ?? null });
      },
    );
    sent.on('error', (error) => {
      const reason = reasonOf(error);
      reject(
        reason === 'ENOTPUBLIC'
          ? new NoticeRefused('Web push: the endpoint does not resolve to a public address', false)
          : new Error(`Web push: ${reason}`),
      );
    });
    sent.end(body);
  });
}

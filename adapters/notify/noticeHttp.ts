import { NoticeRefused } from '../../services/notices';
import { NotBefore } from '../../services/outbox/sending';

/** The longest Retry-After that is honoured. */
const MAX_REST_MS = 600_000;

/**
 * Posts JSON to a channel. Errors name neither the URL nor the body: both may hold secrets.
 * @param who the channel's name in errors
 * @throws as Notifier.notify
 */
export async function postJson(who: string, url: string, body: unknown, timeoutMs: number): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    redirect: 'manual',
    signal: AbortSignal.timeout(timeoutMs),
  }).catch((error: unknown) => {
    throw new Error(`${who}: ${reasonOf(error)}`);
  });
  void response.body?.cancel().catch(() => {}); // only the status is read
  requireTaken(who, response.status, response.headers.get('retry-after'));
}

/**
 * Maps an HTTP status to what becomes of a notice: 408, 429 and 5xx are retried, other errors are final.
 * @param retryAfter the header's value; seconds are understood, dates are ignored
 * @param isOfChannel whether such an error means that the channel takes no notice at all
 */
export function requireTaken(
  who: string,
  status: number,
  retryAfter: string | null,
  isOfChannel: (status: number) => boolean = () => true,
): void {
  if (status >= 200 && status < 300) return;
  const text = `${who}: HTTP ${status}`;
  if (status < 500 && status !== 408 && status !== 429) throw new NoticeRefused(text, isOfChannel(status));
  if (retryAfter === null || !/^\d{1,9}$/.test(retryAfter)) throw new Error(text);
  throw new NotBefore(text, Math.min(MAX_REST_MS, Number(retryAfter) * 1_000));
}

/**
 * Why a call failed, in one word: `TimeoutError`, `ECONNREFUSED`. The rest of the error stays hidden: it may
 * name the URL.
 */
export function reasonOf(error: unknown): string {
  const words = [
    memberOf(memberOf(error, 'cause'), 'code'),
    memberOf(error, 'code'),
    memberOf(error, 'name'),
  ];
  return words.find((word) => typeof word === 'string') ?? 'failed';
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

import { NoticeRefused } from '../../services/notices';
import { NotBefore } from '../../services/outbox/outboxRelay';

/** The longest that a Retry-After is believed. */
const MAX_REST_MS = 600_000;

/**
 * Posts JSON to the address of a channel. Neither address nor body comes up in an error: they may hold
 * secrets.
 * @param who how the channel is called in errors
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
  void response.body?.cancel().catch(() => {}); // what it says beside the status is not read
  requireTaken(who, response.status, response.headers.get('retry-after'));
}

/**
 * What a status of HTTP means for a notice: 408, 429 and 5xx are tried again, other refusals are not.
 * @param retryAfter as in the header; seconds are understood, dates are not
 */
export function requireTaken(who: string, status: number, retryAfter: string | null): void {
  if (status >= 200 && status < 300) return;
  const text = `${who}: HTTP ${status}`;
  if (status < 500 && status !== 408 && status !== 429) throw new NoticeRefused(text);
  if (retryAfter === null || !/^\d{1,9}$/.test(retryAfter)) throw new Error(text);
  throw new NotBefore(text, Math.min(MAX_REST_MS, Number(retryAfter) * 1_000));
}

/**
 * Why a call got no answer, in one word: `TimeoutError`, `ECONNREFUSED`. Nothing else of the error is shown:
 * it may name the address.
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

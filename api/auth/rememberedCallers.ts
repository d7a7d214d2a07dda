import { LRUCache } from 'lru-cache';
import type { Caller } from './caller';

/**
 * How long a verified token is accepted without another verification, in ms. A key that the issuer revokes stays
 * valid for as long.
 */
export const REMEMBERED_MS = 60_000;
/** Bounds memory under a flood of different tokens: the least recently used ones are verified again. */
const MAX_TOKENS = 10_000;

/**
 * Caches the callers of verified tokens for a minute, but not beyond the expiry of the token, so that not every
 * ping of a driver costs a signature check.
 */
export class RememberedCallers {
  private readonly callers: LRUCache<string, Caller>;
  private purgedAtMs: number;

  /** @param nowMs epoch ms */
  constructor(private readonly nowMs: () => number = Date.now) {
    this.purgedAtMs = nowMs();
    this.callers = new LRUCache({
      max: MAX_TOKENS,
      ttl: REMEMBERED_MS,
      ttlResolution: 0,
      perf: { now: nowMs },
    });
  }

  /** The number of cached tokens, including expired ones until they are purged. */
  get size(): number {
    return this.callers.size;
  }

  /** The caller of a token that was verified within the last minute and has not expired. */
  recall(token: string): Caller | undefined {
    return this.callers.get(token);
  }

  /** @param expiresInMs time until the token itself expires */
  keep(token: string, caller: Caller, expiresInMs: number): void {
    if (expiresInMs <= 0) return;
    this.purgeOnceAMinute();
    this.callers.set(token, caller, { ttl: Math.min(expiresInMs, REMEMBERED_MS) });
  }

  /** Without a purge, unused tokens would stay until the cache is full. Each purge visits every token. */
  private purgeOnceAMinute(): void {
    if (this.nowMs() - this.purgedAtMs < REMEMBERED_MS) return;
    this.purgedAtMs = this.nowMs();
    this.callers.purgeStale();
  }
}

import { LRUCache } from 'lru-cache';
import type { Caller } from './caller';

/**
 * How long a verified token is accepted without another verification, in ms. A key that the issuer withdraws ends
 * within a minute: after the age of its known keys, this time, and the time between two checks of a socket.
 */
export const REMEMBERED_MS = 25_000;
/** Bounds memory under a flood of different tokens: the least recently used ones are verified again. */
const MAX_TOKENS = 10_000;

/**
 * Caches the callers of verified tokens for a while, but not beyond the end of the token, so that not every
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

  /** The caller of a token that was verified within this time and has not ended. */
  recall(token: string): Caller | undefined {
    return this.callers.get(token);
  }

  /** @param expiresInMs time until the token itself ends */
  keep(token: string, caller: Caller, expiresInMs: number): void {
    if (expiresInMs <= 0) return;
    this.purgeOnceInAWhile();
    this.callers.set(token, caller, { ttl: Math.min(expiresInMs, REMEMBERED_MS) });
  }

  /** Without a purge, unused tokens would stay until the cache is full. Each purge visits every token. */
  private purgeOnceInAWhile(): void {
    if (this.nowMs() - this.purgedAtMs < REMEMBERED_MS) return;
    this.purgedAtMs = this.nowMs();
    this.callers.purgeStale();
  }
}

import type { Caller } from './caller';

/**
 * How long a token that was checked is taken without checking it again, in ms. Also how long a withdrawn key
 * of the issuer goes on counting.
 */
export const REMEMBERED_MS = 60_000;
/** A bound for a flood of tokens within that time. */
const MOST_TOKENS = 10_000;

/**
 * What valid tokens said, for a while and never beyond their end, so that not every ping of a driver costs
 * the check of a signature. What has had its time is forgotten with the next token that is kept: what stays
 * is what one minute brought, not what a week did.
 */
export class RememberedCallers {
  private readonly known = new Map<string, { caller: Caller; untilMs: number }>();

  /** How many tokens are kept, also those whose time is over but which nobody has forgotten yet. */
  get size(): number {
    return this.known.size;
  }

  /** Who the token's holder is, if it was kept and has not ended. */
  recall(token: string, nowMs: number): Caller | undefined {
    const before = this.known.get(token);
    return before && before.untilMs > nowMs ? before.caller : undefined;
  }

  /** @param expiresAtMs when the token itself ends */
  keep(token: string, caller: Caller, expiresAtMs: number, nowMs: number): void {
    this.known.delete(token);
    this.known.set(token, { caller, untilMs: Math.min(expiresAtMs, nowMs + REMEMBERED_MS) });
    this.forget(nowMs);
  }

  /**
   * In the order in which they were kept, up to the first one that stays: who ended earlier behind it goes
   * with it, within the minute.
   */
  private forget(nowMs: number): void {
    for (const [token, { untilMs }] of this.known) {
      if (untilMs > nowMs && this.known.size <= MOST_TOKENS) return;
      this.known.delete(token);
    }
  }
}

import { type RateLimiterMemory, type RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

/** After a failure of Redis, this process counts by itself for this long before it asks again. */
const AWAY_MS = 1_000;

/**
 * The outcome of counting. `left`: how many points the caller may spend until `until` (epoch ms); 0 where the
 * limit is reached.
 */
export type Counted = { left: number; until: number };

/**
 * Counts the points that a key spends in a minute: in Redis, for all processes. While Redis is away each process
 * counts by itself, so that the limits hold for each of them and stop nobody who keeps to them.
 */
export class PointCounter {
  private awayUntil = 0;

  constructor(
    private readonly perMinute: number,
    private readonly shared: RateLimiterRedis,
    private readonly own: RateLimiterMemory,
    private readonly onAway: (error: unknown) => void,
  ) {}

  /**
   * Counts `points`, of which the caller needs `needed` now.
   * @returns at the end of the limit what is left of them
   */
  async take(key: string, points: number, needed: number): Promise<Counted> {
    if (Date.now() >= this.awayUntil) {
      try {
        return await this.takeFrom(this.shared, key, points);
      } catch (error) {
        this.awayUntil = Date.now() + AWAY_MS;
        this.onAway(error);
      }
    }
    // Only what is needed: what this process took in advance would be lost when Redis is back.
    return this.takeFrom(this.own, key, needed);
  }

  private async takeFrom(
    counter: RateLimiterRedis | RateLimiterMemory,
    key: string,
    points: number,
  ): Promise<Counted> {
    const requestedAt = Date.now();
    try {
      const { msBeforeNext } = await counter.consume(key, points);
      return { left: points, until: requestedAt + msBeforeNext };
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      const { consumedPoints, msBeforeNext } = refused;
      const until = requestedAt + msBeforeNext;
      // A refusal from the limiter's memory does not count, and has no consumed points.
      const rest = consumedPoints === 0 ? 0 : this.perMinute - (consumedPoints - points);
      return { left: Math.max(0, rest), until };
    }
  }
}

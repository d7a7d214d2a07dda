import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { RateLimits as Limits } from '../../settings';
import type { Caller } from '../auth/caller';
import { Problem } from './problems';

/** What is counted together. `availability` is a limit of drivers alone: ops change that of many. */
export type LimitKind = 'general' | 'location' | 'availability';

/** Counts requests by the minute, in Redis, so that all API processes count together (ADR 18). */
export interface RateLimits {
  /**
   * At once where the process holds a share of what the caller may still send.
   * @throws Problem TOO_MANY_REQUESTS
   */
  spend(caller: Caller, kind: LimitKind): void | Promise<void>;
  /** A request without a valid token, from this address. @throws Problem TOO_MANY_REQUESTS */
  spendBadToken(ip: string): void | Promise<void>;
}

/**
 * While Redis is away nothing is refused: being counted is no reason to stop work. The log says so, at most
 * once in ten seconds.
 */
export function createRateLimits(redis: Redis, limits: Limits, log: Logger, keyPrefix = ''): RateLimits {
  const warn = atMostEvery(10_000, (error: unknown) =>
    log.warn({ err: error }, 'rate limits are not counted: Redis is away'),
  );
  const limit = (name: string, perMinute: number): Limit =>
    createLimit(
      perMinute,
      new RateLimiterRedis({
        storeClient: redis,
        keyPrefix: `${keyPrefix}limit:${name}`,
        points: perMinute,
        duration: 60,
        inMemoryBlockOnConsumed: perMinute + 1,
        rejectIfRedisNotReady: true,
      }),
      warn,
    );
  const general = limit('general', limits.perMinute);
  const merchant = limit('merchant', limits.merchantPerMinute);
  const ops = limit('ops', limits.opsPerMinute);
  const location = limit('location', limits.locationPerMinute);
  const availability = limit('availability', limits.availabilityPerMinute);
  const badToken = limit('bad-token', limits.badTokenPerMinute);

  const ofCaller = ({ role }: Caller, kind: LimitKind): Limit => {
    if (kind === 'location') return location;
    if (kind === 'availability' && role === 'driver') return availability;
    return role === 'merchant' ? merchant : role === 'ops' ? ops : general;
  };
  return {
    spend: (caller, kind) => ofCaller(caller, kind)(`${caller.role}:${caller.subject}`),
    spendBadToken: (ip) => badToken(ip),
  };
}

/** Counts one request under this key. @throws Problem TOO_MANY_REQUESTS */
type Limit = (key: string) => void | Promise<void>;

/** So many requests are taken from Redis at once … */
const SHARE = 10;
/** … where that is at most this part of the limit: smaller limits are counted one by one. */
const MOST_OF_LIMIT = 1 / 20;
/** Shares that ran out of time are cleared away when there are so many more. */
const CLEAR_EVERY = 10_000;

/**
 * What this process may still let through for one key, until the minute that Redis counts is over (epoch ms).
 */
type Share = { left: number; until: number };

function createLimit(perMinute: number, limiter: RateLimiterRedis, warn: (error: unknown) => void): Limit {
  if (SHARE > perMinute * MOST_OF_LIMIT)
    return async (key) => void (await take(limiter, key, 1, { perMinute, warn }));
  const shares = new Map<string, Share>();
  const onTheWay = new Map<string, Promise<void>>();
  let clearAt = CLEAR_EVERY;
  const fetchShare = async (key: string): Promise<void> => {
    try {
      shares.set(key, await take(limiter, key, SHARE, { perMinute, warn }));
      if (shares.size >= clearAt) clearAt = clearEnded(shares) + CLEAR_EVERY;
    } finally {
      onTheWay.delete(key);
    }
  };
  const wait = async (key: string): Promise<void> => {
    const fetching = onTheWay.get(key) ?? fetchShare(key);
    onTheWay.set(key, fetching);
    await fetching;
    return spend(key);
  };
  const spend: Limit = (key) => {
    const share = shares.get(key);
    if (!share || share.left <= 0 || share.until <= Date.now()) return wait(key);
    return void (share.left -= 1);
  };
  return spend;
}

/** @returns how many are left */
function clearEnded(shares: Map<string, Share>): number {
  const now = Date.now();
  for (const [key, { until }] of shares) if (until <= now) shares.delete(key);
  return shares.size;
}

/** While Redis is away, what was asked for is had for a moment. */
const UNCOUNTED_MS = 1_000;

/** @returns so many or, at the end of the limit, fewer @throws Problem where nothing is left */
async function take(
  limiter: RateLimiterRedis,
  key: string,
  points: number,
  { perMinute, warn }: { perMinute: number; warn: (error: unknown) => void },
): Promise<Share> {
  const askedAt = Date.now();
  try {
    const { msBeforeNext } = await limiter.consume(key, points);
    return { left: points, until: askedAt + msBeforeNext };
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) {
      warn(refused);
      return { left: points, until: askedAt + UNCOUNTED_MS };
    }
    const { consumedPoints, msBeforeNext } = refused;
    const rest = perMinute - (consumedPoints - points);
    // What the limiter refuses by its own memory it does not count.
    if (consumedPoints > 0 && rest > 0) return { left: rest, until: askedAt + msBeforeNext };
    const seconds = Math.max(1, Math.ceil(msBeforeNext / 1_000));
    throw new Problem('TOO_MANY_REQUESTS', `at most ${perMinute} requests a minute; wait ${seconds} s`, {
      headers: { 'Retry-After': String(seconds) },
    });
  }
}

function atMostEvery<T>(ms: number, act: (value: T) => void): (value: T) => void {
  let lastAt = -Infinity;
  return (value) => {
    if (Date.now() - lastAt < ms) return;
    lastAt = Date.now();
    act(value);
  };
}

import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { RateLimits as Limits } from '../../settings';
import type { Caller } from '../auth/caller';
import { Problem } from './problems';

/** The kinds of limits. `availability` applies to drivers only, since ops change the availability of many. */
export type LimitKind = 'general' | 'location' | 'availability';

/** Limits requests per minute. The counters are in Redis, shared by all API processes (ADR 18). */
export interface RateLimits {
  /**
   * Counts one request, or as many points. More points than the limit count as the limit, so that a fresh
   * minute always admits them. Synchronous while the process has a local share of the limit.
   * @throws Problem TOO_MANY_REQUESTS
   */
  spend(caller: Caller, kind: LimitKind, points?: number): void | Promise<void>;
  /** Counts one request without a valid token. @throws Problem TOO_MANY_REQUESTS */
  spendBadToken(ip: string): void | Promise<void>;
}

/**
 * While Redis is unavailable no request is refused, since the limits must not stop work. This is logged at most
 * every ten seconds.
 */
export function createRateLimits(redis: Redis, limits: Limits, log: Logger, keyPrefix = ''): RateLimits {
  const warn = atMostEvery(10_000, (error: unknown) =>
    log.warn({ err: error }, 'rate limits are off: Redis is unavailable'),
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
    spend: (caller, kind, points = 1) =>
      points === 0 ? undefined : ofCaller(caller, kind)(`${caller.role}:${caller.subject}`, points),
    spendBadToken: (ip) => badToken(ip),
  };
}

/** Counts points, one by default, under this key. @throws Problem TOO_MANY_REQUESTS */
type Limit = (key: string, points?: number) => void | Promise<void>;

/** How many requests a process takes from the counter in Redis at once. */
const SHARE = 10;
/** Limits of which a share would be a larger part count each request in Redis. */
const MAX_SHARE_OF_LIMIT = 1 / 20;
/** After this many new shares, the expired ones are removed. */
const CLEAR_EVERY = 10_000;

/** The requests that this process may still accept for one key, until the minute in Redis ends (epoch ms). */
type Share = { left: number; until: number };

function createLimit(perMinute: number, limiter: RateLimiterRedis, warn: (error: unknown) => void): Limit {
  if (SHARE > perMinute * MAX_SHARE_OF_LIMIT)
    return (key, points = 1) => takeAll(limiter, key, points, { perMinute, warn });
  const shares = new Map<string, Share>();
  const fetches = new Map<string, Promise<void>>();
  let clearAt = CLEAR_EVERY;
  const fetchShare = async (key: string): Promise<void> => {
    try {
      shares.set(key, await take(limiter, key, SHARE, { perMinute, warn }));
      if (shares.size >= clearAt) clearAt = removeExpired(shares) + CLEAR_EVERY;
    } finally {
      fetches.delete(key);
    }
  };
  const wait = async (key: string): Promise<void> => {
    const fetching = fetches.get(key) ?? fetchShare(key);
    fetches.set(key, fetching);
    await fetching;
    return spend(key);
  };
  const spend: Limit = (key, points = 1) => {
    const share = shares.get(key);
    if (share && share.left >= points && share.until > Date.now()) return void (share.left -= points);
    return points > 1 ? takeAll(limiter, key, points, { perMinute, warn }) : wait(key);
  };
  return spend;
}

type Taking = { perMinute: number; warn: (error: unknown) => void };

/** Counts points in Redis, not from a share; at most so many that a fresh minute has them. */
async function takeAll(
  limiter: RateLimiterRedis,
  key: string,
  points: number,
  taking: Taking,
): Promise<void> {
  // The request itself has taken one point before.
  const needed = Math.min(points, Math.max(1, taking.perMinute - 1));
  const { left, until } = await take(limiter, key, needed, taking);
  if (left < needed) throw tooMany(taking.perMinute, until - Date.now());
}

/** @returns the number of remaining shares */
function removeExpired(shares: Map<string, Share>): number {
  const now = Date.now();
  for (const [key, { until }] of shares) if (until <= now) shares.delete(key);
  return shares.size;
}

/** While Redis is unavailable, a share is granted for this long without counting. */
const UNCOUNTED_MS = 1_000;

/** @returns the share; smaller at the end of the limit @throws Problem where nothing is left */
async function take(
  limiter: RateLimiterRedis,
  key: string,
  points: number,
  { perMinute, warn }: Taking,
): Promise<Share> {
  const requestedAt = Date.now();
  try {
    const { msBeforeNext } = await limiter.consume(key, points);
    return { left: points, until: requestedAt + msBeforeNext };
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) {
      warn(refused);
      return { left: points, until: requestedAt + UNCOUNTED_MS };
    }
    const { consumedPoints, msBeforeNext } = refused;
    const rest = perMinute - (consumedPoints - points);
    // A refusal from the limiter's memory does not count, and has no consumed points.
    if (consumedPoints > 0 && rest > 0) return { left: rest, until: requestedAt + msBeforeNext };
    throw tooMany(perMinute, msBeforeNext);
  }
}

function tooMany(perMinute: number, msBeforeNext: number): Problem {
  const seconds = Math.max(1, Math.ceil(msBeforeNext / 1_000));
  return new Problem(
    'TOO_MANY_REQUESTS',
    `at most ${perMinute} requests per minute, where each position counts; retry in ${seconds} s`,
    { headers: { 'Retry-After': String(seconds) } },
  );
}

function atMostEvery<T>(ms: number, act: (value: T) => void): (value: T) => void {
  let lastAt = -Infinity;
  return (value) => {
    if (Date.now() - lastAt < ms) return;
    lastAt = Date.now();
    act(value);
  };
}

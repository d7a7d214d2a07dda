import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import type { RateLimits as Limits } from '../../settings';
import type { Caller } from '../auth/caller';
import { networkOf } from './addresses';
import { type Counted, PointCounter } from './pointCounter';
import { Problem } from './problems';

/**
 * The kinds of limits. `availability` applies to drivers only, since ops change the availability of many.
 * `handshake`: connections of sockets.
 */
export type LimitKind = 'general' | 'location' | 'availability' | 'handshake';

/** Limits points per minute. The counters are in Redis, shared by all API processes (ADR 18, ADR 44). */
export interface RateLimits {
  /**
   * Counts one request, or as many points. More points than the limit count as the limit, so that a fresh
   * minute always admits them. Synchronous while the process has a local share of the limit.
   * @throws Problem TOO_MANY_REQUESTS
   */
  spend(caller: Caller, kind: LimitKind, points?: number): void | Promise<void>;
  /**
   * Counts a request or a handshake without a valid token. It is refused in any case, so nothing is thrown, and
   * nobody with a valid token behind the same address is concerned.
   * @returns for how many seconds the address is over its limit; 0: it is within
   */
  spendBadToken(address: string): Promise<number>;
}

/**
 * While Redis is unavailable each process counts by itself. This is logged at most every ten seconds.
 */
export function createRateLimits(redis: Redis, limits: Limits, log: Logger, keyPrefix = ''): RateLimits {
  const warn = atMostEvery(10_000, (error: unknown) =>
    log.warn({ err: error }, 'rate limits hold for each process by itself: Redis is unavailable'),
  );
  const counter = (name: string, perMinute: number): PointCounter => {
    const options = { keyPrefix: `${keyPrefix}limit:${name}`, points: perMinute, duration: 60 };
    const shared = new RateLimiterRedis({
      ...options,
      storeClient: redis,
      inMemoryBlockOnConsumed: perMinute + 1,
      rejectIfRedisNotReady: true,
    });
    return new PointCounter(perMinute, shared, new RateLimiterMemory(options), warn);
  };
  const limit = (name: string, perMinute: number): Limit => createLimit(perMinute, counter(name, perMinute));
  const general = limit('general', limits.perMinute);
  const merchant = limit('merchant', limits.merchantPerMinute);
  const ops = limit('ops', limits.opsPerMinute);
  const location = limit('location', limits.locationPerMinute);
  const availability = limit('availability', limits.availabilityPerMinute);
  const handshake = limit('handshake', limits.handshakesPerMinute);
  const badToken = counter('bad-token', limits.badTokenPerMinute);

  const ofCaller = ({ role }: Caller, kind: LimitKind): Limit => {
    if (kind === 'location') return location;
    if (kind === 'handshake') return handshake;
    if (kind === 'availability' && role === 'driver') return availability;
    return role === 'merchant' ? merchant : role === 'ops' ? ops : general;
  };
  return {
    spend: (caller, kind, points = 1) =>
      points === 0 ? undefined : ofCaller(caller, kind)(keyOf(caller, kind), points),
    spendBadToken: async (address) => {
      const { left, until } = await badToken.take(networkOf(address), 1, 1);
      return left > 0 ? 0 : secondsUntil(until);
    },
  };
}

/**
 * Whose points are counted together, whatever their tokens: the requests of a merchant from all its subjects, the
 * handshakes of each subject.
 */
function keyOf(caller: Caller, kind: LimitKind): string {
  const isMerchant = caller.role === 'merchant' && kind !== 'handshake';
  return `${caller.role}:${isMerchant ? caller.merchantId : caller.subject}`;
}

/** Counts points, one by default, under this key. @throws Problem TOO_MANY_REQUESTS */
type Limit = (key: string, points?: number) => void | Promise<void>;

/** How many requests a process takes from the counter in Redis at once. */
const SHARE = 10;
/** Limits of which a share would be a larger part count each request in Redis. */
const MAX_SHARE_OF_LIMIT = 1 / 20;
/** After this many new shares, the expired ones are removed. */
const CLEAR_EVERY = 10_000;

function createLimit(perMinute: number, counter: PointCounter): Limit {
  const takeAll = async (key: string, points: number): Promise<void> => {
    // More than one: the request itself has taken one point before. A fresh minute has the others.
    const needed = Math.min(points, Math.max(1, perMinute - 1));
    const { left, until } = await counter.take(key, needed, needed);
    if (left < needed) throw tooMany(perMinute, until);
  };
  if (SHARE > perMinute * MAX_SHARE_OF_LIMIT) return (key, points = 1) => takeAll(key, points);
  /** The points that this process may still spend for a key. */
  const shares = new Map<string, Counted>();
  const fetches = new Map<string, Promise<void>>();
  let clearAt = CLEAR_EVERY;
  const fetchShare = async (key: string): Promise<void> => {
    try {
      const share = await counter.take(key, SHARE, 1);
      if (share.left === 0) throw tooMany(perMinute, share.until);
      shares.set(key, share);
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
    return points > 1 ? takeAll(key, points) : wait(key);
  };
  return spend;
}

/** @returns the number of remaining shares */
function removeExpired(shares: Map<string, Counted>): number {
  const now = Date.now();
  for (const [key, { until }] of shares) if (until <= now) shares.delete(key);
  return shares.size;
}

function tooMany(perMinute: number, until: number): Problem {
  const seconds = secondsUntil(until);
  return new Problem(
    'TOO_MANY_REQUESTS',
    `at most ${perMinute} requests per minute, where each position counts; retry in ${seconds} s`,
    { headers: { 'Retry-After': String(seconds) } },
  );
}

function secondsUntil(until: number): number {
  return Math.max(1, Math.ceil((until - Date.now()) / 1_000));
}

function atMostEvery<T>(ms: number, act: (value: T) => void): (value: T) => void {
  let lastAt = -Infinity;
  return (value) => {
    if (Date.now() - lastAt < ms) return;
    lastAt = Date.now();
    act(value);
  };
}

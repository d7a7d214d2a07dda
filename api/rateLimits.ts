import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { RateLimits as Limits } from '../settings';
import type { Caller } from './caller';
import { Problem } from './problems';

/** What is counted together. `availability` is a limit of drivers alone: ops change that of many. */
export type LimitKind = 'general' | 'location' | 'availability';

/** Counts requests by the minute, in Redis, so that all API processes count together. */
export interface RateLimits {
  /** @throws Problem TOO_MANY_REQUESTS */
  spend(caller: Caller, kind: LimitKind): Promise<void>;
  /** A request without a valid token, from this address. @throws Problem TOO_MANY_REQUESTS */
  spendBadToken(ip: string): Promise<void>;
}

type Limit = { limiter: RateLimiterRedis; perMinute: number };

/** While Redis is away nothing is refused: being counted is no reason to stop work. The log says so, at most once in ten seconds. */
export function createRateLimits(redis: Redis, limits: Limits, log: Logger, keyPrefix = ''): RateLimits {
  const limit = (name: string, perMinute: number): Limit => ({
    perMinute,
    limiter: new RateLimiterRedis({
      storeClient: redis, keyPrefix: `${keyPrefix}limit:${name}`, points: perMinute, duration: 60, inMemoryBlockOnConsumed: perMinute + 1, rejectIfRedisNotReady: true,
    }),
  });
  const general = limit('general', limits.perMinute);
  const merchant = limit('merchant', limits.merchantPerMinute);
  const ops = limit('ops', limits.opsPerMinute);
  const location = limit('location', limits.locationPerMinute);
  const availability = limit('availability', limits.availabilityPerMinute);
  const badToken = limit('bad-token', limits.badTokenPerMinute);
  const warn = atMostEvery(10_000, (error: unknown) => log.warn({ err: error }, 'rate limits are not counted: Redis is away'));

  const ofCaller = ({ role }: Caller, kind: LimitKind): Limit => {
    if (kind === 'location') return location;
    if (kind === 'availability' && role === 'driver') return availability;
    return role === 'merchant' ? merchant : role === 'ops' ? ops : general;
  };
  return {
    spend: (caller, kind) => spend(ofCaller(caller, kind), `${caller.role}:${caller.subject}`, warn),
    spendBadToken: (ip) => spend(badToken, ip, warn),
  };
}

async function spend({ limiter, perMinute }: Limit, key: string, warn: (error: unknown) => void): Promise<void> {
  try {
    await limiter.consume(key);
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) return warn(refused);
    const seconds = Math.max(1, Math.ceil(refused.msBeforeNext / 1_000));
    throw new Problem('TOO_MANY_REQUESTS', `at most ${perMinute} requests a minute; wait ${seconds} s`, { headers: { 'Retry-After': String(seconds) } });
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

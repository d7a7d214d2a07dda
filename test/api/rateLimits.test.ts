import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { v7 as newId } from 'uuid';
import type { Caller } from '../../api/auth/caller';
import { Problem } from '../../api/http/problems';
import { createRateLimits, type RateLimits } from '../../api/http/rateLimits';
import { eventually } from '../support/eventually';
import { freshRedis, type FreshRedis } from '../support/freshRedis';

const LIMIT = 205; // no multiple of a share
const SHARE = 10;

let redis: FreshRedis;
beforeAll(async () => {
  redis = await freshRedis();
  await redis.redis.ping(); // limits are not counted before it is connected
});
afterAll(() => redis.close());

/** The limits of another process, which shares only Redis. */
function newProcess(locationPerMinute = LIMIT): RateLimits {
  const limits = {
    perMinute: LIMIT,
    merchantPerMinute: LIMIT,
    opsPerMinute: LIMIT,
    locationPerMinute,
    availabilityPerMinute: LIMIT,
    handshakesPerMinute: LIMIT,
    badTokenPerMinute: LIMIT,
  };
  return createRateLimits(redis.redis, limits, pino({ level: 'silent' }), redis.keyPrefix);
}

function newDriver(): Caller {
  const driverId = newId();
  return { role: 'driver', subject: driverId, driverId };
}

async function isLetThrough(limits: RateLimits, caller: Caller): Promise<boolean> {
  try {
    await limits.spend(caller, 'location');
    return true;
  } catch (error) {
    if (error instanceof Problem && error.code === 'TOO_MANY_REQUESTS') return false;
    throw error;
  }
}

async function letThrough(
  turns: readonly RateLimits[],
  caller: Caller,
  times: number,
  atOnce: number,
): Promise<number> {
  let through = 0;
  for (let sent = 0; sent < times; sent += atOnce) {
    const outcomes = await Promise.all(
      Array.from({ length: atOnce }, (_, each) => isLetThrough(turns[(sent + each) % turns.length]!, caller)),
    );
    through += outcomes.filter(Boolean).length;
  }
  return through;
}

describe('a rate limit counted in shares', () => {
  it('accepts exactly the limit with one process', async () => {
    expect(await letThrough([newProcess()], newDriver(), LIMIT + 50, 1)).toBe(LIMIT);
  });

  it('accepts exactly the limit for concurrent requests, and takes no share twice', async () => {
    expect(await letThrough([newProcess()], newDriver(), LIMIT + 45, 50)).toBe(LIMIT);
  });

  it('never exceeds the limit across processes, and is short at most by their shares', async () => {
    const processes = [newProcess(), newProcess(), newProcess()];
    const through = await letThrough(processes, newDriver(), LIMIT * 2, 1);
    expect(through).toBeLessThanOrEqual(LIMIT);
    expect(through).toBeGreaterThan(LIMIT - (processes.length - 1) * SHARE);
  });

  it('is counted per caller', async () => {
    const limits = newProcess();
    expect(await letThrough([limits], newDriver(), LIMIT + 1, 1)).toBe(LIMIT);
    expect(await isLetThrough(limits, newDriver())).toBe(true);
  });

  it('calls Redis once per share', async () => {
    const [limits, caller] = [newProcess(), newDriver()];
    await letThrough([limits], caller, SHARE, 1);
    expect(await redis.redis.get(`${redis.keyPrefix}limit:location:driver:${caller.subject}`)).toBe(
      String(SHARE),
    );
    expect(limits.spend(caller, 'location')).toBeInstanceOf(Promise);
    expect(limits.spend(newDriver(), 'location')).toBeInstanceOf(Promise);
    await letThrough([limits], caller, 1, 1);
    expect(limits.spend(caller, 'location')).toBeUndefined();
  });

  it('drops a share at the end of its minute', async () => {
    const [limits, caller] = [newProcess(), newDriver()];
    const key = `${redis.keyPrefix}limit:location:driver:${caller.subject}`;
    await redis.redis.set(key, LIMIT - SHARE, 'PX', 2_000);
    await isLetThrough(limits, caller); // of a share of ten, so nine are left
    expect(Number(await redis.redis.get(key))).toBe(LIMIT);
    await eventually('the minute is over', async () => (await redis.redis.exists(key)) === 0);
    await isLetThrough(limits, caller);
    expect(Number(await redis.redis.get(key))).toBe(SHARE); // counted anew
  });

  it('is exact for a small limit', async () => {
    const small = SHARE * 2;
    expect(await letThrough([newProcess(small), newProcess(small)], newDriver(), small * 2, 1)).toBe(small);
  });
});

import { type Redis } from 'ioredis';
import { z } from 'zod';

/** The interval of each sweep by its id, in ms. */
export type SweepIntervals = Readonly<Record<string, number>>;

/** What the workers that run now want, by which they agree on the intervals of the sweeps. */
export type AnnouncedIntervals = {
  /**
   * Says what this worker wants. It holds for three minutes.
   * @returns the shortest interval of each sweep that a running worker wants
   */
  announce(intervals: SweepIntervals): Promise<SweepIntervals>;
};

const HOLDS_MS = 180_000;

/**
 * ARGV: prefix, how long an announcement holds in ms, then the id and interval of each sweep. Returns the
 * shortest interval of each. By the clock of Redis, which all workers share.
 */
const ANNOUNCE = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local shortest = {}
for i = 3, #ARGV, 2 do
  local key = ARGV[1] .. 'sweeps:' .. ARGV[i]
  redis.call('ZADD', key, now, ARGV[i + 1])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. string.format('%.0f', now - tonumber(ARGV[2])))
  redis.call('PEXPIRE', key, ARGV[2])
  local least
  for _, every in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    if not least or tonumber(every) < least then least = tonumber(every) end
  end
  shortest[#shortest + 1] = least
end
return shortest`;

const reply = z.array(z.int().positive());

export function createAnnouncedIntervals(
  redis: Pick<Redis, 'eval'>,
  { keyPrefix = '', holdsMs = HOLDS_MS }: { keyPrefix?: string; holdsMs?: number } = {},
): AnnouncedIntervals {
  return {
    announce: async (intervals) => {
      const wanted = Object.entries(intervals);
      const shortest = reply
        .length(wanted.length)
        .parse(await redis.eval(ANNOUNCE, 0, keyPrefix, holdsMs, ...wanted.flat()));
      return Object.fromEntries(wanted.map(([id, own], at) => [id, shortest[at] ?? own]));
    },
  };
}

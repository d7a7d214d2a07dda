import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { AnnouncedIntervals } from '../adapters/redis/sweepIntervals';
import { followIntervals, type SweepTimes } from './schedules';

/** A third of the time for which an announcement holds. */
const EVERY_MS = 60_000;

/**
 * Announces this worker's intervals again and again, so that a rolling deploy ends at those of its last
 * workers.
 */
export function keepSchedules(
  client: Client,
  times: SweepTimes,
  announced: AnnouncedIntervals,
  log: Pick<Logger, 'warn'>,
): { stop(): void } {
  const timer = setInterval(() => {
    followIntervals(client, times, announced).catch((err: unknown) =>
      log.warn({ err }, 'the intervals of the sweeps could not be agreed on; retrying'),
    );
  }, EVERY_MS);
  return { stop: () => clearInterval(timer) };
}

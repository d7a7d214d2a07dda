import { type Clock } from '../ports';
import { type Database } from './database';

/** Offers are counted by the clocks of workers, and rows by PostgreSQL's: further apart than this, drivers would lose or win time (ADR 8 counts in seconds). */
const MAX_SKEW_MS = 1_000;

/** How far this process's clock is ahead of PostgreSQL's, in ms; negative = behind. Good to half of the question's own time. */
export async function clockSkewMs(db: Database, clock: Clock): Promise<number> {
  const askedAt = clock();
  const [row] = await db.$queryRaw<{ now: number }[]>`SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`;
  return Math.round((askedAt + clock()) / 2 - (row?.now ?? NaN));
}

/** @throws Error where the clocks differ by more than a second */
export async function requireSameTime(db: Database, clock: Clock): Promise<void> {
  const skewMs = await clockSkewMs(db, clock);
  if (Math.abs(skewMs) > MAX_SKEW_MS) throw new Error(`this clock is ${skewMs} ms ahead of PostgreSQL's; set both by NTP`);
}

import { type Clock } from '../../services/ports';
import { type Database } from './database';

/**
 * The largest clock difference that is accepted. Workers time offers by their own clocks, PostgreSQL its rows
 * by its own: a larger difference would cost drivers time to answer, or give them some.
 */
const MAX_SKEW_MS = 1_000;

/**
 * How far this process's clock is ahead of PostgreSQL's, in ms (negative: behind), and the uncertainty, which
 * is half of the round trip.
 */
export async function clockSkew(db: Database, clock: Clock): Promise<{ skewMs: number; sureToMs: number }> {
  const askedAt = clock();
  const [row] = await db.$queryRaw<
    { now: number }[]
  >`SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`;
  const sureToMs = (clock() - askedAt) / 2;
  return { skewMs: Math.round(askedAt + sureToMs - (row?.now ?? NaN)), sureToMs };
}

/** @throws Error if the clocks certainly differ by more than a second */
export async function requireSameTime(db: Database, clock: Clock): Promise<void> {
  const { skewMs, sureToMs } = await clockSkew(db, clock);
  if (Math.abs(skewMs) - sureToMs > MAX_SKEW_MS)
    throw new Error(`the local clock is ${skewMs} ms ahead of PostgreSQL; synchronize both with NTP`);
}

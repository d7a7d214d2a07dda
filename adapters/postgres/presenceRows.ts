import { type TimedState } from '../../domain/driver/availability';
import { type Database, msOf, sql, type Tx } from './database';

/** Timed states that should have ended before `before` (epoch ms), the longest overdue first. */
export async function readOverdue(
  db: Database,
  before: number,
  limit: number,
): Promise<{ driverId: string; state: TimedState; until: number }[]> {
  const rows = await db.$queryRaw<{ id: string; availability: TimedState; availability_until: Date }[]>`
    SELECT id, availability, availability_until FROM drivers
    WHERE availability_until < ${new Date(before)} AND availability IN ('ON_BREAK', 'PAUSED')
      ORDER BY availability_until LIMIT ${limit}`;
  return rows.map((row) => ({
    driverId: row.id,
    state: row.availability,
    until: msOf(row.availability_until),
  }));
}

/** A page of the drivers in a v2 state, or with one pending, by id. */
export async function readInStatesOfV2(
  db: Database,
  afterId: string | null,
  limit: number,
): Promise<{ driverId: string; cityId: string }[]> {
  const after = afterId === null ? sql`` : sql`AND id > ${afterId}::uuid`;
  return db.$queryRaw<{ driverId: string; cityId: string }[]>`
    SELECT id AS "driverId", city_id AS "cityId" FROM drivers
    WHERE (availability IN ('ON_BREAK', 'PAUSED', 'SHIFT_ENDED') OR pending->>'kind' <> 'OFFLINE') ${after}
      ORDER BY id LIMIT ${limit}`;
}

export async function readCityIds(db: Tx): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`SELECT id FROM cities ORDER BY id`;
  return rows.map(({ id }) => id);
}

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { clockSkew, requireSameTime } from '../../adapters/postgres/databaseClock';
import { freshDatabase, type FreshDatabase } from '../support/database';

let database: FreshDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.close());

test.each([
  [0, 'is well'],
  [900, 'is well'],
  [-900, 'is well'],
])('a clock that is %s ms off %s', async (offMs) => {
  await expect(requireSameTime(database.db, () => Date.now() + offMs)).resolves.toBeUndefined();
});

test.each([[5_000], [-5_000]])(
  'a clock that is %s ms off fails readiness and reports the skew',
  async (offMs) => {
    const clock = () => Date.now() + offMs;
    const { skewMs, sureToMs } = await clockSkew(database.db, clock);
    expect(Math.abs(skewMs - offMs)).toBeLessThanOrEqual(sureToMs + 5);
    await expect(requireSameTime(database.db, clock)).rejects.toThrow('ahead of PostgreSQL');
  },
);

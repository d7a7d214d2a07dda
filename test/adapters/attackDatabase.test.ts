/** The database under a backlog after an outage, and with a compromised service login. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { connectDatabase, type Database, readerOf } from '../../adapters/postgres/database';
import { positionOf } from '../../adapters/redis/positionStream';
import { takeDue } from '../../adapters/postgres/outbox';
import { createUpkeep } from '../../activities/sweeps/upkeep';
import { freshDatabase, type FreshDatabase } from '../support/database';

let database: FreshDatabase;
/** With the time-out that the service has. */
let db: Database;
beforeAll(async () => {
  database = await freshDatabase();
  db = connectDatabase(database.url, { poolSize: 2, statementTimeoutMs: 1_000, applicationName: 'test' });
});
afterAll(async () => {
  await db.$disconnect();
  await database.close();
});

describe('the outbox', () => {
  test('is read within the statement time-out with 30,000 messages waiting after an outage', async () => {
    await database.db.$executeRaw`
      INSERT INTO outbox (kind, key, payload, correlation_id, next_at)
      SELECT 'emit', 'key-' || (n / 10), '{"emits": []}', 'test', now() + (n % 30 - 1) * interval '1 second'
        FROM generate_series(1, 30000) AS n`;
    expect(await takeDue(readerOf(db), ['emit', 'syncDriver'], 100)).toHaveLength(100);
  });

  test('prunes every expired message, in any number, even where no partition can be created', async () => {
    const partitions = [1, 2, 0];
    const goes = [10_000, 10_000, 7, 0];
    const forgotten: number[] = [];
    const pruneSent = async (): Promise<number> => {
      forgotten.push(goes[0] ?? 0);
      return goes.shift() ?? 0;
    };
    const clock = Date.now;
    const [pruneHealth, blankChanges] = [async (): Promise<number> => 0, async (): Promise<number> => 0];
    expect(
      await createUpkeep({
        ensureAuditPartitions: async () => partitions.shift() ?? 0,
        pruneSent,
        pruneHealth,
        blankChanges,
        prunePositions: async () => 0,
        pruneFingerprints: async () => 0,
        pruneShadows: async () => 0,
        pruneRoundCounts: async () => 0,
        positionsKeptMs: 1,
        clock,
      })(),
    ).toEqual({
      partitionsMade: 3,
      messagesForgotten: 20_007,
      healthForgotten: 0,
      changesBlanked: 0,
      positionsForgotten: 0,
      fingerprintsForgotten: 0,
      shadowsForgotten: 0,
      roundCountsForgotten: 0,
    });
    goes.push(5, 0);
    await expect(
      createUpkeep({
        ensureAuditPartitions: () => Promise.reject(new Error('no partition')),
        pruneSent,
        pruneHealth,
        blankChanges,
        prunePositions: async () => 0,
        pruneFingerprints: async () => 0,
        pruneShadows: async () => 0,
        pruneRoundCounts: async () => 0,
        positionsKeptMs: 1,
        clock,
      })(),
    ).rejects.toThrow('no partition');
    expect(forgotten).toEqual([10_000, 10_000, 7, 0, 5, 0]);
  });
});

describe('the service’s login', () => {
  test('cannot abuse the one function that runs with its owner’s rights', async () => {
    const service = new Client({ connectionString: database.url });
    await service.connect();
    try {
      await service.query(`CREATE FUNCTION pg_temp.spy(said pg_catalog.text) RETURNS boolean
        LANGUAGE plpgsql AS $$ BEGIN
        IF current_user <> session_user THEN RAISE EXCEPTION 'called with the rights of %',
          current_user; END IF; RETURN true; END $$`);
      await service.query('CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (pg_temp.spy(VALUE))');
      const { rows } = await service.query<{ made: number }>(
        `SELECT ensure_audit_partitions('2077-01-01'::date, 1) AS made`,
      );
      expect(rows).toEqual([{ made: 1 }]);
    } finally {
      await service.end();
    }
  });
});

describe('a server in another time zone', () => {
  const NOON = new Date('2026-01-01T12:00:00.000Z');

  test('stores and returns instants unchanged', async () => {
    const owner = new Client({ connectionString: database.ownerUrl });
    await owner.connect();
    await owner.query(
      `ALTER DATABASE ${new URL(database.url).pathname.slice(1)} SET timezone = 'Pacific/Kiritimati'`,
    );
    const local = connectDatabase(database.url, {
      poolSize: 1,
      statementTimeoutMs: 1_000,
      applicationName: 'test',
    });
    try {
      await local.city.create({
        data: {
          id: 'byModel',
          name: 'Kiritimati',
          timezone: 'Pacific/Kiritimati',
          currency: 'AUD',
          centerLat: 2,
          centerLng: -157,
          createdAt: NOON,
        },
      });
      await local.$executeRaw`INSERT INTO cities (id, name, timezone, currency, center_lat, center_lng, created_at)
        SELECT 'byRow', name, timezone, currency, center_lat, center_lng, created_at
        FROM jsonb_populate_record((SELECT cities FROM cities),
          ${JSON.stringify({ created_at: NOON.toISOString() })}::jsonb)`;
      expect((await local.city.findMany()).map(({ createdAt }) => createdAt)).toEqual([NOON, NOON]);
      expect(
        await local.$queryRaw`SELECT created_at AS at, created_at::date::text AS day, created_at = ${NOON} AS same
          FROM cities LIMIT 1`,
      ).toEqual([{ at: NOON, day: '2026-01-01', same: true }]);
      const { rows } = await owner.query<{ created_at: Date }>('SELECT created_at FROM cities');
      expect(rows.map((row) => row.created_at)).toEqual([NOON, NOON]);
    } finally {
      await local.$disconnect();
      await owner.end();
    }
  });
});

describe('a position in the stream', () => {
  const fields = {
    driver: '01900000-0000-7000-8000-000000000000',
    at: '1700000000000',
    received: '1700000000000',
    lat: '52',
    lng: '4',
    accuracy: '',
    speed: '',
    heading: '',
    live: '1',
  };

  test.each([
    ['at', '-1'],
    ['at', '9e15'],
    ['at', '253402300800000'],
    ['received', '1e300'],
    ['lat', '91'],
    ['lng', '181'],
    ['speed', 'fast'],
    ['accuracy', '1e400'],
  ])('that no row can hold is passed over, and holds up no other: %s %s', (name, text) => {
    expect(positionOf({ ...fields, [name]: text })).toBeUndefined();
  });

  test('is read as it was written', () => {
    expect(positionOf({ ...fields, speed: '3.5' })).toMatchObject({
      at: 1_700_000_000_000,
      speedMps: 3.5,
      accuracyMeters: null,
      isLive: true,
    });
  });
});

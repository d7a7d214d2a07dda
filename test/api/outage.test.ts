import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DriverAdapterError } from '@prisma/driver-adapter-utils';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { connectDatabase, type Database } from '../../adapters/postgres/database';
import { isOutage } from '../../api/http/outage';
import { freshDatabase, type FreshDatabase } from '../support/database';

let database: FreshDatabase;
let owner: Client;
beforeAll(async () => {
  database = await freshDatabase();
  owner = new Client({ connectionString: database.ownerUrl });
  await owner.connect();
  await owner.query(`INSERT INTO cities VALUES ('berlin', 'Berlin', 'Europe/Berlin', 'EUR', 52, 13)`);
});
afterAll(async () => {
  await owner.end();
  await database.close();
});

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

/** @param statementTimeoutMs short for tests of the time-out, long for all others */
async function withDatabase(
  url: string,
  act: (db: Database) => Promise<unknown>,
  statementTimeoutMs = 150,
): Promise<unknown> {
  const db = connectDatabase(url, { poolSize: 1, statementTimeoutMs, applicationName: 'outage-test' });
  try {
    return await failureOf(act(db));
  } finally {
    await db.$disconnect();
  }
}

const LONG_MS = 60_000;
const AWAY_URL = 'postgresql://app:app@127.0.0.1:1/none';

describe('an outage', () => {
  it('includes an unreachable database', async () => {
    expect(isOutage(await withDatabase(AWAY_URL, (db) => db.$queryRaw`SELECT 1`))).toBe(true);
    expect(isOutage(await withDatabase(AWAY_URL, (db) => db.city.count()))).toBe(true);
    expect(isOutage(await withDatabase(AWAY_URL, (db) => db.$transaction((tx) => tx.city.count())))).toBe(
      true,
    );
  });

  it('includes a statement time-out and a lock time-out', async () => {
    expect(isOutage(await withDatabase(database.url, (db) => db.$queryRaw`SELECT pg_sleep(5)::text`))).toBe(
      true,
    );
    await owner.query(`BEGIN; UPDATE cities SET name = 'West' WHERE id = 'berlin'`);
    expect(
      isOutage(await withDatabase(database.url, (db) => db.city.updateMany({ data: { name: 'East' } }))),
    ).toBe(true);
    await owner.query('ROLLBACK');
  });

  it('includes an exhausted pool, for queries and transactions', async () => {
    await withDatabase(database.url, async (db) => {
      const busy = Array.from({ length: 6 }, () => db.$queryRaw`SELECT pg_sleep(0.13)::text`);
      const settled = await Promise.allSettled([...busy, db.$transaction((tx) => tx.city.count())]);
      const failures = settled.flatMap((each): unknown[] =>
        each.status === 'rejected' ? [each.reason] : [],
      );
      expect(failures.length).toBeGreaterThan(1);
      expect(failures.filter((failure) => !isOutage(failure))).toEqual([]);
      throw new Error('as expected');
    });
  });

  it('includes a connection that the server ends', async () => {
    const failure = withDatabase(
      database.url,
      async (db) => {
        const asleep = db.$queryRaw`SELECT pg_sleep(30)::text, 'to be ended'`;
        asleep.catch(() => undefined);
        await until(async () => {
          const { rows } = await owner.query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'outage-test'
               AND query LIKE '%to be ended%' AND state = 'active'`,
          );
          return rows.length > 0;
        });
        return asleep;
      },
      LONG_MS,
    );
    expect(isOutage(await failure)).toBe(true);
  });

  it('includes a connection that the server ends during a transaction', async () => {
    const ended = (isReadAgain: boolean) =>
      withDatabase(
        database.url,
        (db) =>
          db.$transaction(async (tx) => {
            const [backend] = await tx.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
            await owner.query('SELECT pg_terminate_backend($1)', [backend?.pid]);
            await until(
              async () =>
                (await owner.query('SELECT FROM pg_stat_activity WHERE pid = $1', [backend?.pid])).rows
                  .length === 0,
            );
            if (isReadAgain) await tx.$queryRaw`SELECT 1`;
          }),
        LONG_MS,
      );
    expect(isOutage(await ended(true))).toBe(true);
    expect(isOutage(await ended(false))).toBe(true);
  });

  it('includes a connection that is lost before its first statement', async () => {
    expect(isOutage(new Error('Client has encountered a connection error and is not queryable'))).toBe(true);
    expect(isOutage(new Error('Query read timeout'))).toBe(true);
    expect(isOutage(new DriverAdapterError({ kind: 'ConnectionClosed' }))).toBe(true);
    expect(
      isOutage(
        new DriverAdapterError({
          kind: 'postgres',
          code: '57P01',
          severity: 'FATAL',
          message: '',
          detail: undefined,
          column: undefined,
          hint: undefined,
          originalCode: '57P01',
        }),
      ),
    ).toBe(true);
    expect(
      isOutage(new DriverAdapterError({ kind: 'UniqueConstraintViolation', originalCode: '23505' })),
    ).toBe(false);
  });

  it('includes an unreachable Redis', async () => {
    const redis = new Redis({
      host: '127.0.0.1',
      port: 1,
      maxRetriesPerRequest: 1,
      retryStrategy: (times) => (times > 3 ? null : 10),
    });
    redis.on('error', () => undefined);
    const ended = new Promise<void>((resolve) => redis.once('end', () => resolve()));
    expect(isOutage(await failureOf(redis.ping()))).toBe(true);
    await ended;
    expect(isOutage(await failureOf(redis.ping()))).toBe(true);
    expect(isOutage(new Error('Command timed out'))).toBe(true);
  });

  it('excludes other errors', async () => {
    expect(isOutage(await withDatabase(database.url, (db) => db.$queryRaw`SELECT nonsense`, LONG_MS))).toBe(
      false,
    );
    expect(
      isOutage(
        await withDatabase(
          database.url,
          (db) =>
            db.city.create({
              data: { id: 'berlin', name: 'B', timezone: 'UTC', currency: 'EUR', centerLat: 0, centerLng: 0 },
            }),
          LONG_MS,
        ),
      ),
    ).toBe(false);
    expect([isOutage(new TypeError('oops')), isOutage('ECONNREFUSED'), isOutage(undefined)]).toEqual([
      false,
      false,
      false,
    ]);
  });
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}

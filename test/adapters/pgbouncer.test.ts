/** The service behind a real PgBouncer, which gives each transaction another connection. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import {
  connectPostgres,
  poolReader,
  type Postgres,
  readerOf,
  sql,
  sqlStateOf,
} from '../../adapters/postgres/database';
import { refuseUnfitPostgres, requireLimits, requireWritable } from '../../adapters/postgres/fitness';
import { inTransaction } from '../../adapters/postgres/transaction';
import { asOwner, freshDatabase, type FreshDatabase } from '../support/database';
import { HAS_PGBOUNCER, type PgBouncer, startPgBouncer } from '../support/pgbouncer';

const LIMIT_MS = 400;

const PROJECT = join(__dirname, '../..');

/** `npm run db -- migrate`; rejects with its message. */
const migrate = (url: string): Promise<unknown> =>
  promisify(execFile)(process.execPath, ['scripts/database.mjs', 'migrate'], {
    cwd: PROJECT,
    env: { ...process.env, MIGRATE_DATABASE_URL: url },
  });

/** A test that is skipped says so by its name: the set-up of the tests has the reason. */
const withPgBouncer = HAS_PGBOUNCER ? describe : describe.skip;

let database: FreshDatabase;
beforeAll(async () => {
  database = await freshDatabase();
  // A server of another time zone: instants are right only where each transaction says UTC.
  await asOwner(
    database,
    `ALTER DATABASE ${new URL(database.url).pathname.slice(1)} SET TimeZone = 'Asia/Tokyo'`,
  );
});
afterAll(() => database.close());

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

async function connected(
  url: string,
  act: (postgres: Postgres) => Promise<unknown>,
  options: { prepares?: boolean; statementTimeoutMs?: number; poolSize?: number } = {},
): Promise<void> {
  const { prepares = false, statementTimeoutMs = LIMIT_MS, poolSize = 8 } = options;
  const postgres = connectPostgres(url, {
    poolSize,
    statementTimeoutMs,
    applicationName: 'pgbouncer-test',
    prepares,
  });
  try {
    await act(postgres);
  } finally {
    await postgres.db.$disconnect();
  }
}

type Row = { limit: string; idle: string; zone: string };
const SHOWN = sql`SELECT current_setting('statement_timeout') AS limit,
  current_setting('idle_in_transaction_session_timeout') AS idle, current_setting('TimeZone') AS zone`;
const SLEEP = sql`SELECT pg_sleep(10)::text AS slept`;

/** Every way in which the service talks to PostgreSQL. */
const WAYS: [string, (postgres: Postgres, statement: typeof SHOWN) => Promise<unknown[]>][] = [
  ['a read on the pool', (postgres, statement) => poolReader(postgres)<Row>(statement)],
  ['a read of a client', ({ db }, statement) => readerOf(db)<Row>(statement)],
  ['a statement of Prisma', ({ db }, statement) => db.$queryRaw<Row[]>(statement)],
  [
    'a transaction of Prisma',
    ({ db }, statement) =>
      db.$transaction((tx) => tx.$queryRaw<Row[]>(statement), { isolationLevel: 'RepeatableRead' }),
  ],
  [
    'a batch of Prisma',
    async ({ db }, statement) => (await db.$transaction([db.$queryRaw<Row[]>(statement)]))[0],
  ],
  [
    'a transaction of ours',
    (postgres, statement) => inTransaction(postgres, (tx) => tx.read<Row>(statement)),
  ],
];

withPgBouncer('behind PgBouncer in transaction mode', () => {
  let pooler: PgBouncer;
  beforeAll(async () => {
    pooler = await startPgBouncer({ mode: 'transaction' });
  });
  afterAll(() => pooler.close());

  describe.each(WAYS)('%s', (_way, send) => {
    test('has the limits and the time zone of the service', () =>
      connected(pooler.through(database.url), async (postgres) => {
        expect(await send(postgres, SHOWN)).toEqual([{ limit: '400ms', idle: '800ms', zone: 'UTC' }]);
      }));

    test('is ended by the server when its time is over, and leaves a usable connection', () =>
      connected(
        pooler.through(database.url),
        async (postgres) => {
          expect(sqlStateOf(await failureOf(send(postgres, SLEEP)))).toBe('57014');
          expect(await send(postgres, SHOWN)).toHaveLength(1);
        },
        { poolSize: 1 },
      ));
  });

  test('limits do not leak to others who share the connections', async () => {
    await connected(pooler.through(database.url), (quick) =>
      connected(
        pooler.through(database.url),
        async (slow) => {
          const reads = Array.from({ length: 10 }).flatMap(() =>
            WAYS.flatMap(([, send]) => [send(quick, SHOWN), send(slow, SHOWN)]),
          );
          const limits = (await Promise.all(reads)).map((rows) => JSON.stringify(rows));
          limits.forEach((shown, index) =>
            expect(shown).toContain(index % 2 === 0 ? '"limit":"400ms"' : '"limit":"5s"'),
          );
        },
        { statementTimeoutMs: 5_000 },
      ),
    );
    const stranger = new Client({ connectionString: pooler.through(database.url) });
    await stranger.connect();
    const { rows } = await stranger.query('SHOW statement_timeout');
    await stranger.end();
    expect(rows).toEqual([{ statement_timeout: '0' }]);
  });

  test('what is written is committed, by each way of writing, and a refused write is not', () =>
    connected(pooler.through(database.url), async (postgres) => {
      const { db } = postgres;
      await db.merchant.create({ data: { id: 'one', name: 'One' } });
      await db.$executeRaw`INSERT INTO merchants (id, name) VALUES ('two', 'Two')`;
      await db.$transaction((tx) => tx.merchant.create({ data: { id: 'three', name: 'Three' } }));
      await inTransaction(postgres, async (tx) =>
        Promise.resolve(tx.write('INSERT INTO merchants (id, name) VALUES ($1, $2)', ['four', 'Four'])),
      );
      expect(
        sqlStateOf(await failureOf(db.$executeRaw`INSERT INTO merchants (id, name) VALUES ('one', 'Again')`)),
      ).toBe('23505');
      await failureOf(
        db.$transaction(async (tx) => {
          await tx.merchant.create({ data: { id: 'five', name: 'Five' } });
          throw new Error('changed my mind');
        }),
      );
      const rows = await db.merchant.findMany({ select: { id: true }, orderBy: { id: 'asc' } });
      expect(rows.map(({ id }) => id)).toEqual(['four', 'one', 'three', 'two']);
    }));

  test('instants come back as they were written, whatever the time zone of the server', () =>
    connected(pooler.through(database.url), async ({ db }) => {
      const at = new Date('2026-11-29T12:00:00.000Z');
      await db.$executeRaw`UPDATE merchants SET created_at = ${at} WHERE id = 'one'`;
      const { createdAt } = await db.merchant.findUniqueOrThrow({ where: { id: 'one' } });
      expect(createdAt).toEqual(at);
    }));

  test('a lock of a transaction ends with it', () =>
    connected(pooler.through(database.url), async ({ db }) => {
      const lock = (): Promise<unknown> =>
        db.$transaction((tx) => tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('a lock'))`);
      await Promise.all(Array.from({ length: 10 }, lock));
      const held = await db.$queryRaw`SELECT 1 FROM pg_locks WHERE locktype = 'advisory'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
      expect(held).toEqual([]);
    }));

  test('the service is fit', () =>
    connected(pooler.through(database.url), async (postgres) => {
      await refuseUnfitPostgres(postgres);
      await requireWritable(poolReader(postgres));
      await requireLimits(poolReader(postgres), LIMIT_MS);
    }));

  test('a service that keeps limits on its connections is refused at the start, with the setting to change', () =>
    connected(
      pooler.through(database.url),
      async (postgres) => {
        await expect(refuseUnfitPostgres(postgres)).rejects.toThrow('DATABASE_PREPARED_STATEMENTS=false');
      },
      { prepares: true },
    ));

  test('migrations are refused, with the variable to set, and hold no lock', async () => {
    await expect(migrate(pooler.through(database.ownerUrl))).rejects.toThrow('a pooler in transaction mode');
    await expect(migrate(database.ownerUrl)).resolves.toBeDefined();
  });
});

withPgBouncer('behind a PgBouncer that ignores limits at the start of a connection', () => {
  let pooler: PgBouncer;
  beforeAll(async () => {
    pooler = await startPgBouncer({
      mode: 'transaction',
      ignored: ['statement_timeout', 'idle_in_transaction_session_timeout', 'options'],
    });
  });
  afterAll(() => pooler.close());

  test('a service that relies on them is refused at the start', () =>
    connected(
      pooler.through(database.url),
      async (postgres) => {
        await expect(refuseUnfitPostgres(postgres)).rejects.toThrow('do not keep time-outs');
      },
      { prepares: true },
    ));

  test('limits of each transaction hold', () =>
    connected(pooler.through(database.url), async (postgres) => {
      await refuseUnfitPostgres(postgres);
      expect(sqlStateOf(await failureOf(poolReader(postgres)(SLEEP)))).toBe('57014');
    }));
});

withPgBouncer('through PgBouncer in session mode', () => {
  let pooler: PgBouncer;
  beforeAll(async () => {
    pooler = await startPgBouncer({ mode: 'session', poolSize: 20 });
  });
  afterAll(() => pooler.close());

  test('migrations run', async () => {
    await expect(migrate(pooler.through(database.ownerUrl))).resolves.toBeDefined();
  });
});

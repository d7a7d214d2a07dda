/** Transactions with pipelined statements are atomic. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { connectPostgres, sql, sqlStateOf, statementNames } from '../../adapters/postgres/database';
import { inTransaction, type Transaction } from '../../adapters/postgres/transaction';
import { freshDatabase, type FreshDatabase } from '../support/database';
import { eventually } from '../support/eventually';

const ADD = `INSERT INTO merchants (id, name) VALUES ($1, $2)`;

let database: FreshDatabase;
/** A second connection that locks the rows a transaction needs. */
let outsider: Client;
beforeAll(async () => {
  database = await freshDatabase({ poolSize: 2 });
  outsider = new Client({ connectionString: database.ownerUrl });
  await outsider.connect();
});
afterAll(async () => {
  await outsider.end();
  await database.close();
});
beforeEach(() => outsider.query('DELETE FROM merchants'));

const merchants = async (): Promise<string[]> =>
  (await database.db.merchant.findMany({ orderBy: { id: 'asc' } })).map(({ id }) => id);
const run = <T>(work: (tx: Transaction) => Promise<T>): Promise<T> => inTransaction(database.postgres, work);
const count = ({ read }: Transaction): Promise<{ n: number }[]> =>
  read<{ n: number }>(sql`SELECT count(*)::int AS n FROM merchants`);

describe('a transaction', () => {
  test('commits all writes and returns the result of its function', async () => {
    const told = await run(async (tx) => {
      const [row] = await count(tx);
      void tx.write(ADD, ['a', 'Anna']);
      void tx.write(ADD, ['b', 'Ben']);
      return row?.n;
    });
    expect(told).toBe(0);
    expect(await merchants()).toEqual(['a', 'b']);
  });

  test('rolls back where a write is refused, and reports the error', async () => {
    const failing = run(async (tx) => {
      void tx.write(ADD, ['a', 'Anna']);
      void tx.write(ADD, ['a', 'Anna again']);
      void tx.write(ADD, ['b', 'Ben']);
    });
    expect(sqlStateOf(await failing.catch((error: unknown) => error))).toBe('23505');
    expect(await merchants()).toEqual([]);
  });

  test('rolls back and releases its locks where its function fails after a write', async () => {
    const failing = run(async (tx) => {
      await tx.read(sql`SELECT id FROM cities FOR UPDATE`);
      void tx.write(ADD, ['a', 'Anna']);
      throw new Error('thought better of it');
    });
    await expect(failing).rejects.toThrow('thought better of it');
    expect(await merchants()).toEqual([]);
    const { rows } = await outsider.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`,
    );
    expect(rows).toHaveLength(0);
  });

  test('rolls back where a read fails', async () => {
    const failing = run(async ({ read, write }) => {
      void write(ADD, ['a', 'Anna']);
      await read(sql`SELECT 1 / 0 AS nothing`);
    });
    expect(sqlStateOf(await failing.catch((error: unknown) => error))).toBe('22012');
    expect(await merchants()).toEqual([]);
  });

  test('reads what was committed while it waited for a lock, although statements are pipelined', async () => {
    await outsider.query(ADD, ['a', 'Anna']);
    await outsider.query('BEGIN');
    await outsider.query(`SELECT FROM merchants WHERE id = 'a' FOR UPDATE`);
    const reading = run(async (tx) =>
      Promise.all([tx.read(sql`SELECT id FROM merchants WHERE id = 'a' FOR UPDATE`), count(tx)]),
    );
    await eventually('it waits for the row', async () => {
      const { rows } = await outsider.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return rows.length > 0;
    });
    await outsider.query(ADD, ['b', 'Ben']);
    await outsider.query('COMMIT');
    const [, [row]] = await reading;
    expect(row?.n).toBe(2);
  });

  test('rolls back when its connection is killed, and the next one gets another connection', async () => {
    const failing = run(async (tx) => {
      const [session] = await tx.read<{ pid: number }>(sql`SELECT pg_backend_pid() AS pid`);
      await outsider.query('SELECT pg_terminate_backend($1)', [session?.pid]);
      void tx.write(ADD, ['a', 'Anna']);
    });
    await expect(failing).rejects.toThrow();
    await run(async (tx) => tx.write(ADD, ['b', 'Ben']));
    expect(await merchants()).toEqual(['b']);
  });
});

describe('on a network that drops all packets', () => {
  let server: Server;
  const sockets = new Set<Socket>();
  const swallowing = { now: false };
  beforeAll(async () => {
    const { hostname, port } = new URL(database.url);
    server = createServer((client) => {
      const upstream = connect({ host: hostname, port: Number(port) });
      for (const socket of [client, upstream]) sockets.add(socket.on('error', () => undefined));
      client.on('data', (data) => void (swallowing.now || upstream.write(data)));
      upstream.on('data', (data) => void client.write(data));
      client.on('close', () => upstream.destroy());
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  afterAll(async () => {
    sockets.forEach((socket) => socket.destroy());
    await new Promise((resolve) => server.close(resolve));
  });

  test('a transaction releases its connection after a time-out, and the pool is not exhausted', async () => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const url = new URL(database.url);
    url.port = String(address.port);
    const behind = connectPostgres(url.href, {
      poolSize: 1,
      statementTimeoutMs: 1_000,
      applicationName: 'test',
    });
    try {
      await inTransaction(behind, count);
      swallowing.now = true;
      await expect(inTransaction(behind, count)).rejects.toThrow();
      swallowing.now = false;
      await expect(inTransaction(behind, count)).resolves.toHaveLength(1);
    } finally {
      await behind.db.$disconnect();
    }
  });
});

describe('a prepared statement’s name', () => {
  test('is equal for equal texts, different for others, and absent above the limit', () => {
    const nameOf = statementNames(2);
    expect([nameOf('SELECT 1'), nameOf('SELECT 2'), nameOf('SELECT 1')]).toEqual(['s0', 's1', 's0']);
    expect([nameOf('SELECT 3'), nameOf('SELECT 2')]).toEqual(['', 's1']);
  });

  test('is shared by Prisma and transactions, so that a connection prepares each text once', async () => {
    const { db, postgres } = database;
    for (let time = 0; time < 3; time += 1) {
      await db.$queryRaw`SELECT ${'a'}::text AS letter`;
      await inTransaction(postgres, ({ read }) => read(sql`SELECT ${'a'}::text AS letter`));
    }
    const [prepared] = await inTransaction(postgres, ({ read }) =>
      read<{ n: number }>(
        sql`SELECT count(*)::int AS n FROM pg_prepared_statements WHERE statement = 'SELECT $1::text AS letter'`,
      ),
    );
    expect(prepared?.n).toBe(1);
  });
});

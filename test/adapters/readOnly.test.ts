/**
 * Servers that answer and take no writes: a PostgreSQL that was demoted, a Redis that became a replica. Each is
 * an outage that passes, never an error of the request, and the connections to it are not kept.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { connectPostgres, poolReader, type Postgres, sqlStateOf } from '../../adapters/postgres/database';
import { inTransaction } from '../../adapters/postgres/transaction';
import { requireWritable } from '../../adapters/postgres/fitness';
import { FOLLOWING_PRIMARY, requireWritableRedis } from '../../adapters/redis/primary';
import { isOutage } from '../../api/http/outage';
import { freshDatabase, type FreshDatabase, requiredVariable } from '../support/database';

const ADD = `INSERT INTO merchants (id, name) VALUES ($1, $2)`;

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

describe('PostgreSQL that takes no writes', () => {
  let database: FreshDatabase;
  let owner: Client;
  let postgres: Postgres;
  beforeEach(async () => {
    database = await freshDatabase();
    owner = new Client({ connectionString: database.ownerUrl });
    await owner.connect();
    await turn('on');
    postgres = connectPostgres(database.url, {
      poolSize: 1,
      statementTimeoutMs: 5_000,
      applicationName: 'read-only-test',
    });
  });
  afterEach(async () => {
    await postgres.db.$disconnect();
    await owner.end();
    await database.close();
  });

  /** New connections get it, old ones keep what they had: as with a server that was demoted. */
  const turn = (readOnly: 'on' | 'off'): Promise<unknown> =>
    owner.query(`ALTER DATABASE ${new URL(database.url).pathname.slice(1)}
      SET default_transaction_read_only = ${readOnly}`);

  const writers: [string, (id: string) => Promise<unknown>][] = [
    ['a statement of Prisma', (id) => postgres.db.merchant.create({ data: { id, name: id } })],
    [
      'a transaction of Prisma',
      (id) => postgres.db.$transaction((tx) => tx.merchant.create({ data: { id, name: id } })),
    ],
    [
      'a transaction of ours',
      (id) => inTransaction(postgres, async (tx) => Promise.resolve(tx.write(ADD, [id, id]))),
    ],
    ['a statement on the pool', (id) => postgres.pool.query(ADD, [id, id])],
  ];

  test.each(writers)('is an outage for %s, whose next try goes to a new connection', async (_what, write) => {
    const failure = await failureOf(write('anna'));
    expect([sqlStateOf(failure) ?? failure, isOutage(failure)]).toEqual(['25006', true]);
    await turn('off');
    await write('anna');
    expect(await database.db.merchant.count()).toBe(1);
  });

  test('is told by the check for readiness, until it takes writes again', async () => {
    const read = poolReader(postgres);
    await expect(requireWritable(read)).rejects.toThrow('read-only');
    await failureOf(postgres.pool.query(ADD, ['anna', 'Anna']));
    await turn('off');
    await expect(requireWritable(read)).resolves.toBeUndefined();
  });

  test('costs no connection where it only refuses a write for another reason', async () => {
    await turn('off');
    const add = (): Promise<unknown> =>
      inTransaction(postgres, async (tx) => Promise.resolve(tx.write(ADD, ['anna', 'Anna'])));
    const pid = async (): Promise<unknown> => (await postgres.pool.query('SELECT pg_backend_pid()')).rows[0];
    await add();
    const before = await pid();
    expect(sqlStateOf(await failureOf(add()))).toBe('23505');
    expect(await pid()).toEqual(before);
  });
});

describe('Redis that became a replica', () => {
  const REFUSAL = "-READONLY You can't write against a read only replica.\r\n";
  /** Answers as a replica on the first connection, and as the primary that took over on those after it. */
  let server: Server;
  let connections = 0;
  let redis: Redis;
  beforeEach(async () => {
    connections = 0;
    server = createServer((socket) => {
      connections += 1;
      const answer = connections === 1 ? REFUSAL : '+OK\r\n';
      socket.on('error', () => undefined);
      socket.on('data', () => socket.write(answer));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    redis = new Redis({
      ...FOLLOWING_PRIMARY,
      port: typeof address === 'object' ? address?.port : 0,
      enableReadyCheck: false,
      disableClientInfo: true,
    });
    redis.on('error', () => undefined); // ioredis reports the reconnect
  });
  afterEach(() => {
    redis.disconnect();
    server.close();
  });

  test('is down for readiness, and the next write goes to a new connection', async () => {
    const failure = await failureOf(requireWritableRedis(redis));
    expect(isOutage(failure)).toBe(true);
    await requireWritableRedis(redis);
    expect(connections).toBe(2);
  });
});

describe('a reply of Redis', () => {
  const replied = async (line: string): Promise<unknown> => {
    const redis = new Redis(requiredVariable('TEST_REDIS_URL'));
    try {
      return await failureOf(redis.eval(`return redis.error_reply(ARGV[1])`, 0, line));
    } finally {
      redis.disconnect();
    }
  };

  test.each([
    "READONLY You can't write against a read only replica.",
    'LOADING Redis is loading the dataset in memory',
    'NOREPLICAS Not enough good replicas to write.',
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    'MISCONF Redis is configured to save RDB snapshots, but it is unable to persist to disk.',
    'BUSY Redis is busy running a script.',
    'CLUSTERDOWN The cluster is down',
    'TRYAGAIN Multiple keys request during rehashing of slot',
  ])('%s: an outage', async (line) => {
    expect(isOutage(await replied(line))).toBe(true);
  });

  test.each([
    'WRONGTYPE Operation against a key holding the wrong kind of value',
    'ERR unknown command',
    'NOAUTH Authentication required.',
  ])('%s: a fault of ours', async (line) => {
    expect(isOutage(await replied(line))).toBe(false);
  });
});

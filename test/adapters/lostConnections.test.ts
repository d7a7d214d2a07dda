/** A connection closed by PostgreSQL never ends the process, whatever it was about to do. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { connectPostgres, type Postgres } from '../../adapters/postgres/database';

/** A PostgreSQL protocol message: type, length, body. */
function message(kind: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(kind), length, body]);
}
const WELCOME = Buffer.concat([message('R', Buffer.alloc(4)), message('Z', Buffer.from('I'))]);
const FAREWELL = message(
  'E',
  Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0'),
);

let server: Server;
let postgres: Postgres;
const escaped: unknown[] = [];
const note = (error: unknown): void => void escaped.push(error);

beforeEach(async () => {
  // What a process hears in one breath that stood still, or had no time, while its server went: that it is
  // connected, and that it is not.
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(Buffer.concat([WELCOME, FAREWELL])));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  postgres = connectPostgres(
    `postgresql://someone@127.0.0.1:${typeof address === 'object' ? address?.port : ''}/any`,
    { poolSize: 2, statementTimeoutMs: 500, applicationName: 'a test' },
  );
  escaped.length = 0;
  process.on('uncaughtException', note);
});
afterEach(async () => {
  process.off('uncaughtException', note);
  await postgres.db.$disconnect();
  server.close();
});

test('a transaction on a connection lost at once fails without an unhandled error', async () => {
  await expect(postgres.db.$transaction(async (tx) => tx.$queryRaw`SELECT 1`)).rejects.toThrow();
  expect(escaped).toEqual([]);
});

test('a statement on a connection lost at once fails without an unhandled error', async () => {
  await expect(postgres.db.$queryRaw`SELECT 1`).rejects.toThrow();
  await expect(
    postgres.pool.connect().then(async (client) => {
      try {
        return await client.query('SELECT 1');
      } finally {
        client.release(true);
      }
    }),
  ).rejects.toThrow();
  expect(escaped).toEqual([]);
});

import { z } from 'zod';

/**
 * Codes that say away, overloaded, read-only or crossed by another, but not wrong. Of sockets; of PostgreSQL:
 * connection lost (08), read-only as a demoted primary is (25006), idle too long in a transaction (25P03),
 * deadlock (40), no memory, disk or connections left (53), cancelled or shut down (57), files cannot be read
 * or written (58); of Prisma: not reachable, pool or transaction timed out, write conflict.
 */
const AWAY = new RegExp(
  '^(' +
    'ECONN\\w*|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|' +
    '08\\w{3}|25006|25P03|40001|40P01|53\\w{3}|57014|57P0[1-5]|58\\w{3}|' +
    'P10\\d\\d|P2024|P2028|P2034' +
    ')$',
);
/** What Prisma's driver adapter calls the same. */
const AWAY_KINDS =
  /^(DatabaseNotReachable|SocketTimeout|ConnectionClosed|TooManyConnections|TransactionWriteConflict)$/;
/**
 * Replies of a Redis that takes no command, or no write, for now: a demoted primary, one that loads its data,
 * that lost its replicas or primary, has no memory left, cannot save, runs a script, or fails over. A script
 * that meets one quotes it.
 */
const REDIS_AWAY =
  /^(?:ERR |EXECABORT )?.*\b(READONLY|LOADING|NOREPLICAS|MASTERDOWN|OOM|MISCONF|BUSY|CLUSTERDOWN|TRYAGAIN|UNBLOCKED)\b/;
/** Those of ioredis and pg that come without a code. */
const AWAY_WORDS =
  /^(Connection is closed|Command timed out|Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout|timeout exceeded when trying to connect|Stream isn't writeable)|max retries per request/;

const CODED = z.object({ code: z.string() });
/** What the driver adapter throws, as it is where a transaction begins and ends. */
const OF_ADAPTER = z.object({ cause: z.object({ kind: z.string(), originalCode: z.string().optional() }) });
/** A raw query hides its database's error in here. */
const ADAPTED = z.object({ meta: z.object({ driverAdapterError: OF_ADAPTER }) });

/**
 * Whether an error says that something the service depends on is away for now: then the same request may be
 * sent again.
 */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = CODED.safeParse(error).data?.code ?? '';
  const { kind = '', originalCode = '' } =
    (ADAPTED.safeParse(error).data?.meta.driverAdapterError ?? OF_ADAPTER.safeParse(error).data)?.cause ?? {};
  return (
    AWAY.test(code) ||
    AWAY.test(originalCode) ||
    AWAY_KINDS.test(kind) ||
    AWAY_WORDS.test(error.message) ||
    (error.name === 'ReplyError' && REDIS_AWAY.test(error.message)) ||
    isOutage(error.cause)
  );
}

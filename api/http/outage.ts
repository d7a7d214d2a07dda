import { z } from 'zod';

/**
 * Codes that say away, overloaded or crossed by another, but not wrong: of sockets, of PostgreSQL
 * (connections, shutdown, cancelled by a time-out, deadlock), of Prisma (not reachable, pool or transaction
 * timed out, write conflict).
 */
const AWAY =
  /^(ECONN\w*|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|08\w{3}|57P0[1-3]|57014|53300|25P03|40001|40P01|P10\d\d|P2024|P2028|P2034)$/;
/** What Prisma's driver adapter calls the same. */
const AWAY_KINDS =
  /^(DatabaseNotReachable|SocketTimeout|ConnectionClosed|TooManyConnections|TransactionWriteConflict)$/;
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
    isOutage(error.cause)
  );
}

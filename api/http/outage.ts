import { z } from 'zod';

/** Codes of errors that a retry may solve: the dependency is unavailable, overloaded, or another client conflicts. */
const OUTAGE_CODES = [
  // Sockets.
  /^(ECONN\w*|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/,
  // PostgreSQL: connection, shutdown, statement and idle time-outs, too many connections, serialization, deadlock.
  /^(08\w{3}|57P0[1-3]|57014|53300|25P03|40001|40P01)$/,
  // Prisma: not reachable, time-out of pool or transaction, write conflict.
  /^(P10\d\d|P2024|P2028|P2034)$/,
];
/** The kinds of the same errors in Prisma's driver adapter. */
const OUTAGE_KINDS =
  /^(DatabaseNotReachable|SocketTimeout|ConnectionClosed|TooManyConnections|TransactionWriteConflict)$/;
/** The beginnings of messages of ioredis and pg whose errors have no code. */
const OUTAGE_MESSAGES = [
  'Connection is closed',
  'Command timed out',
  'Connection terminated',
  'Client has encountered a connection error',
  'Client was closed',
  'Query read timeout',
  'timeout exceeded when trying to connect',
  "Stream isn't writeable",
];

const CODED = z.object({ code: z.string() });
/** The error of the driver adapter; thrown without a wrapper where a transaction begins and ends. */
const OF_ADAPTER = z.object({ cause: z.object({ kind: z.string(), originalCode: z.string().optional() }) });
/** The error of a raw query, which wraps the error of the driver adapter. */
const ADAPTED = z.object({ meta: z.object({ driverAdapterError: OF_ADAPTER }) });

/** Whether an error means that a dependency is temporarily unavailable, so that the request may be retried. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = CODED.safeParse(error).data?.code ?? '';
  const { kind = '', originalCode = '' } =
    (ADAPTED.safeParse(error).data?.meta.driverAdapterError ?? OF_ADAPTER.safeParse(error).data)?.cause ?? {};
  return (
    isOutageCode(code) ||
    isOutageCode(originalCode) ||
    OUTAGE_KINDS.test(kind) ||
    isOutageMessage(error.message) ||
    isOutage(error.cause)
  );
}

function isOutageCode(code: string): boolean {
  return OUTAGE_CODES.some((codes) => codes.test(code));
}

function isOutageMessage(message: string): boolean {
  return (
    OUTAGE_MESSAGES.some((start) => message.startsWith(start)) || message.includes('max retries per request')
  );
}

import { PrismaPg } from '@prisma/adapter-pg';
import { DatabaseError, Pool } from 'pg';
import { z } from 'zod';
import { Prisma, PrismaClient } from '../../prisma/client/client';
import { type Read, type Statement } from '../../services/ports';

export type Database = PrismaClient;
/** What a transaction gives: the client without the means to open another. */
export type Tx = Prisma.TransactionClient;
export const { sql, join, empty } = Prisma;
export type DatabaseOptions = {
  /** Connections at the most. */
  poolSize: number;
  /** A statement that takes longer is ended by the server. */
  statementTimeoutMs: number;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /**
   * Whether connections keep statements prepared (ADR 26): not behind a pooler that knows none. True where it
   * is left out.
   */
  prepares?: boolean;
};

/**
 * One pool of connections, used by Prisma and by the transactions of transaction.ts; `db.$disconnect()` ends
 * it for both.
 */
export type Postgres = {
  db: Database;
  pool: Pool;
  /** Under what name a connection keeps a statement prepared; the empty one: it does not. */
  nameOf: (text: string) => string;
};

/**
 * A pool of connections. A transaction left open by a frozen process is ended by the server after twice the
 * statement timeout, so that it holds nobody. Sessions keep UTC, whatever the server keeps: the driver
 * adapter writes and reads instants without their offset.
 */
export function connectPostgres(
  url: string,
  { poolSize, statementTimeoutMs, applicationName, prepares = true }: DatabaseOptions,
): Postgres {
  const pool = new Pool({
    connectionString: url,
    max: poolSize,
    application_name: applicationName,
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: 2 * statementTimeoutMs,
    connectionTimeoutMillis: 3 * statementTimeoutMs,
    keepAlive: true,
    options: '-c TimeZone=UTC',
    pipeline: true,
  });
  // an idle connection that dies is replaced by the next who needs one; whoever used it is told by their
  // query
  pool.on('error', () => undefined);
  // Also one that dies between two listeners, as on its way from the pool to who asked for it: an error that
  // nobody hears would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const nameOf = prepares ? statementNames() : () => '';
  const adapter = new PrismaPg(pool, {
    statementNameGenerator: ({ sql: text }) => nameOf(text),
    disposeExternalPool: true,
  });
  const db = new PrismaClient({
    adapter,
    transactionOptions: { maxWait: 3 * statementTimeoutMs, timeout: 2 * statementTimeoutMs },
  });
  poolReaders.set(db, poolReader({ pool, nameOf }));
  return { db, pool, nameOf };
}

/**
 * Reads by statements prepared once a connection, each on whichever is free: for what happens often. Numbers
 * of eight bytes come as text.
 */
export function poolReader({ pool, nameOf }: Pick<Postgres, 'pool' | 'nameOf'>): Read {
  return async <R extends Record<string, unknown>>({ text, values }: Statement) =>
    (await pool.query<R>({ name: nameOf(text), text, values: [...values] })).rows;
}

const poolReaders = new WeakMap<Tx, Read>();

/**
 * Reads on the connections of this client, past Prisma, which takes four times as long; in a transaction of
 * it, through it, with numbers of eight bytes as bigint.
 */
export function readerOf(db: Tx): Read {
  return poolReaders.get(db) ?? (({ text, values }) => db.$queryRawUnsafe(text, ...values));
}

/** For those who need no transactions of their own. */
export function connectDatabase(url: string, options: DatabaseOptions): Database {
  return connectPostgres(url, options).db;
}

/**
 * Statements that one connection keeps prepared; some change their text with the length of a list, and
 * PostgreSQL keeps each until the connection ends.
 */
const MOST_PREPARED = 300;

/**
 * A name for each text, by which a connection prepares it once; the empty one for those beyond the first
 * `most`.
 */
export function statementNames(most = MOST_PREPARED): Postgres['nameOf'] {
  const names = new Map<string, string>();
  return (text) => {
    const known = names.get(text);
    if (known !== undefined || names.size >= most) return known ?? '';
    const name = `s${names.size}`;
    names.set(text, name);
    return name;
  };
}

/** Timestamps come as Date from raw queries; the domain counts in epoch ms. */
export function msOf(date: Date): number;
export function msOf(date: Date | null): number | null;
export function msOf(date: Date | null): number | null {
  return date === null ? null : date.getTime();
}

/**
 * Counts of ms are small enough for a double. Prisma gives them as bigint, a transaction of our own as text.
 */
export function numberOf(count: bigint | string | null): number | null {
  return count === null ? null : Number(count);
}

const ofPrisma = z.object({
  meta: z.object({
    driverAdapterError: z.object({ cause: z.object({ originalCode: z.string().length(5) }) }),
  }),
});

/** What PostgreSQL calls the error (SQLSTATE); undefined where it is none of PostgreSQL's. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof DatabaseError
    ? error.code
    : ofPrisma.safeParse(error).data?.meta.driverAdapterError.cause.originalCode;
}

import { PrismaPg } from '@prisma/adapter-pg';
import { DatabaseError, Pool, type PoolClient } from 'pg';
import { z } from 'zod';
import { Prisma, PrismaClient } from '../../prisma/client/client';
import { type Read, type Statement } from '../../services/ports';
import { limitingTransactions, limitsOfConnection, limitsOfTransaction } from './limits';
import { type Connections, inTransaction } from './transaction';

export type Database = PrismaClient;
/** What a transaction offers: the client without the means to open another one. */
export type Tx = Prisma.TransactionClient;
export const { sql, join, empty } = Prisma;
export type DatabaseOptions = {
  /** The size of the pool. */
  poolSize: number;
  /** The server cancels a statement that takes longer. */
  statementTimeoutMs: number;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /**
   * Whether connections keep prepared statements (ADR 24), time-outs and time zone. Turn it off behind a pooler
   * in transaction mode (ADR 47). Default: true.
   */
  prepares?: boolean;
};

/** One pool of connections, shared by Prisma and by transaction.ts. `db.$disconnect()` closes it for both. */
export type Postgres = Connections & { db: Database };

/**
 * Opens a pool of connections. The server ends a transaction that a frozen process left open after twice the
 * statement timeout, so that its locks block nobody. Sessions use UTC whatever the server uses: the driver
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
    connectionTimeoutMillis: 3 * statementTimeoutMs,
    keepAlive: true,
    pipeline: true,
    ...(prepares ? limitsOfConnection(statementTimeoutMs) : {}),
  });
  // The pool replaces an idle connection that dies. A user of the connection gets the error from the query.
  pool.on('error', () => undefined);
  // A connection may also die on its way from the pool to its user: an error without a listener would end the
  // process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  dropWhereReadOnly(pool);
  const connections: Connections = {
    pool,
    nameOf: prepares ? statementNames() : () => '',
    statementTimeoutMs,
    limitsPerTransaction: prepares ? null : limitsOfTransaction(statementTimeoutMs),
  };
  const adapter = new PrismaPg(pool, {
    statementNameGenerator: ({ sql: text }) => connections.nameOf(text),
    disposeExternalPool: true,
  });
  const db = new PrismaClient({
    adapter:
      connections.limitsPerTransaction === null
        ? adapter
        : limitingTransactions(adapter, connections.limitsPerTransaction),
    transactionOptions: { maxWait: 3 * statementTimeoutMs, timeout: 2 * statementTimeoutMs },
  });
  poolReaders.set(db, poolReader(connections));
  return { ...connections, db };
}

/** SQLSTATE `read_only_sql_transaction`: the server takes no writes. */
const READ_ONLY = '25006';

/**
 * Closes a connection whose server refused a write because it is read-only, once its user gives it back. A
 * primary that was demoted keeps the connections it had; only a new one can reach the server that took over.
 */
function dropWhereReadOnly(pool: Pool): void {
  const readOnly = new WeakSet<PoolClient>();
  pool.on('connect', (client) => {
    client.connection.on('errorMessage', ({ code }: DatabaseError) => {
      if (code === READ_ONLY) readOnly.add(client);
    });
  });
  pool.on('release', (_error, client) => {
    if (readOnly.has(client)) client.end().catch(() => undefined); // the pool drops a connection that is ending
  });
}

/**
 * Reads with prepared statements, each on any free connection: for what happens often. Eight-byte numbers
 * come as text.
 */
export function poolReader(connections: Connections): Read {
  const { pool, nameOf, limitsPerTransaction } = connections;
  return limitsPerTransaction === null
    ? async <R extends Record<string, unknown>>({ text, values }: Statement) =>
        (await pool.query<R>({ name: nameOf(text), text, values: [...values] })).rows
    : (statement) => inTransaction(connections, (tx) => tx.read(statement));
}

const poolReaders = new WeakMap<Tx, Read>();

/**
 * Reads on this client's connections without Prisma's query engine, which takes four times as long. Inside a
 * transaction it reads in that transaction, and eight-byte numbers come as bigint.
 */
export function readerOf(db: Tx): Read {
  return poolReaders.get(db) ?? (({ text, values }) => db.$queryRawUnsafe(text, ...values));
}

/** Reads outside a transaction. */
export function connectDatabase(url: string, options: DatabaseOptions): Database {
  return connectPostgres(url, options).db;
}

/**
 * The most statements that one connection keeps prepared. The text of some changes with the length of a list,
 * and PostgreSQL keeps each until the connection closes.
 */
const MOST_PREPARED = 300;

/**
 * Gives each statement text a name, under which a connection prepares it once.
 * @param most above this number of texts the name is empty and the statement is not prepared
 */
export function statementNames(most = MOST_PREPARED): Connections['nameOf'] {
  const names = new Map<string, string>();
  return (text) => {
    const known = names.get(text);
    if (known !== undefined || names.size >= most) return known ?? '';
    const name = `s${names.size}`;
    names.set(text, name);
    return name;
  };
}

/** An instant (epoch ms) as a parameter of a statement. */
export function instant(at: number): Prisma.Sql {
  return sql`${new Date(at).toISOString()}::timestamptz`;
}

/** Raw queries give instants as Date; the domain counts in epoch ms. */
export function msOf(date: Date): number;
export function msOf(date: Date | null): number | null;
export function msOf(date: Date | null): number | null {
  return date === null ? null : date.getTime();
}

/** Counts of ms fit into a double. Prisma gives them as bigint, our own transactions as text. */
export function numberOf(count: bigint | string | null): number | null {
  return count === null ? null : Number(count);
}

const ofPrisma = z.object({
  meta: z.object({
    driverAdapterError: z.object({ cause: z.object({ originalCode: z.string().length(5) }) }),
  }),
});

/** The SQLSTATE of an error from PostgreSQL; undefined for any other error. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof DatabaseError
    ? error.code
    : ofPrisma.safeParse(error).data?.meta.driverAdapterError.cause.originalCode;
}

import { PrismaPg } from '@prisma/adapter-pg';
import { z } from 'zod';
import { Prisma, PrismaClient } from '../../prisma/client/client';

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
};

/**
 * A pool of connections. A transaction left open by a frozen process is ended by the server after twice the statement timeout, so that it holds nobody.
 * Sessions keep UTC, whatever the server keeps: the driver adapter writes and reads instants without their offset.
 */
export function connectDatabase(url: string, { poolSize, statementTimeoutMs, applicationName }: DatabaseOptions): Database {
  const adapter = new PrismaPg({
    connectionString: url, max: poolSize, application_name: applicationName, statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: 2 * statementTimeoutMs, connectionTimeoutMillis: 3 * statementTimeoutMs, keepAlive: true,
    options: '-c TimeZone=UTC',
  });
  return new PrismaClient({ adapter, transactionOptions: { maxWait: 3 * statementTimeoutMs, timeout: 2 * statementTimeoutMs } });
}

/** Timestamps come as Date from raw queries; the domain counts in epoch ms. */
export function msOf(date: Date): number;
export function msOf(date: Date | null): number | null;
export function msOf(date: Date | null): number | null {
  return date === null ? null : date.getTime();
}

/** Counts of ms are small enough for a double. */
export function numberOf(count: bigint | null): number | null {
  return count === null ? null : Number(count);
}

const ofPostgres = z.object({ meta: z.object({ driverAdapterError: z.object({ cause: z.object({ originalCode: z.string().length(5) }) }) }) });

/** What PostgreSQL calls the error (SQLSTATE); undefined where it is none of PostgreSQL's. */
export function sqlStateOf(error: unknown): string | undefined {
  return ofPostgres.safeParse(error).data?.meta.driverAdapterError.cause.originalCode;
}

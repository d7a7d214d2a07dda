import {
  type SqlDriverAdapter,
  type SqlDriverAdapterFactory,
  type SqlQuery,
  type Transaction,
} from '@prisma/driver-adapter-utils';
import { type PoolConfig } from 'pg';

/**
 * What a statement may take, and how long a transaction may wait for its client, as time-outs of the server.
 * Instants are read and written in UTC.
 */
export function limitsOfConnection(statementTimeoutMs: number): PoolConfig {
  return {
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: 2 * statementTimeoutMs,
    options: '-c TimeZone=UTC',
  };
}

/** The same for one transaction: a pooler refuses or ignores them at the start of a connection. */
export function limitsOfTransaction(statementTimeoutMs: number): string {
  return [
    `SET LOCAL statement_timeout = ${statementTimeoutMs}`,
    `SET LOCAL idle_in_transaction_session_timeout = ${2 * statementTimeoutMs}`,
    `SET LOCAL TimeZone = 'UTC'`,
  ].join('; ');
}

/** Prisma's adapter where each transaction sets its limits first, and each single statement is a transaction. */
export function limitingTransactions(
  factory: SqlDriverAdapterFactory,
  limits: string,
): SqlDriverAdapterFactory {
  const { provider, adapterName } = factory;
  return { provider, adapterName, connect: async () => limited(await factory.connect(), limits) };
}

function limited(adapter: SqlDriverAdapter, limits: string): SqlDriverAdapter {
  const { provider, adapterName } = adapter;
  const begin: SqlDriverAdapter['startTransaction'] = async (isolationLevel) => {
    const transaction = await adapter.startTransaction(isolationLevel);
    // Sent ahead of the first statement. If it fails, the transaction is aborted, and that statement fails.
    transaction.executeRaw(commandOf(limits)).catch(() => undefined);
    return transaction;
  };
  const alone = async <T>(run: (transaction: Transaction) => Promise<T>): Promise<T> => {
    const transaction = await begin();
    const [answered, ended] = await Promise.allSettled([
      run(transaction),
      transaction.executeRaw(commandOf('COMMIT')), // of a failed transaction, a rollback
    ]);
    await transaction.commit(); // gives the connection back
    if (answered.status === 'rejected') throw answered.reason;
    if (ended.status === 'rejected') throw ended.reason;
    return answered.value;
  };
  return {
    provider,
    adapterName,
    queryRaw: (query) => alone((transaction) => transaction.queryRaw(query)),
    executeRaw: (query) => alone((transaction) => transaction.executeRaw(query)),
    executeScript: (script) => adapter.executeScript(script),
    startTransaction: begin,
    ...(adapter.getConnectionInfo && { getConnectionInfo: adapter.getConnectionInfo.bind(adapter) }),
    dispose: () => adapter.dispose(),
  };
}

function commandOf(sql: string): SqlQuery {
  return { sql, args: [], argTypes: [] };
}

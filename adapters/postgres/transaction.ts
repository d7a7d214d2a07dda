import { type Pool, type PoolClient, type QueryConfig } from 'pg';
import { type Read, type Statement } from '../../services/ports';

export type Connections = {
  pool: Pool;
  /** The name under which a connection prepares a statement; empty: it is not prepared. */
  nameOf: (text: string) => string;
  statementTimeoutMs: number;
  /**
   * Statements that set the limits of each transaction, where connections cannot keep them because a pooler
   * gives each transaction another one (ADR 47). Null: connections keep them.
   */
  limitsPerTransaction: string | null;
};

/**
 * A transaction on one connection. Statements are sent at once, one behind the other, and answered in order:
 * those that need no earlier answer cost one round trip together.
 */
export type Transaction = {
  read: Read;
  /**
   * A statement whose rows are not needed before the commit. It is sent together with the COMMIT; if it fails, the
   * transaction fails.
   * @returns its rows, to be awaited after the transaction
   */
  write<R extends Record<string, unknown>>(text: string, values: readonly string[]): Promise<R[]>;
};

/**
 * A connection that does not answer within this many statement timeouts is dropped: the server would have
 * cancelled the statement long before.
 */
const SILENT_TIMEOUTS = 3;

/**
 * Runs `work` in a transaction (read committed) and commits it (ADR 24). BEGIN is sent with the first
 * statement, COMMIT with the last writes.
 * @throws what `work` throws, or the error of the first statement that failed: then nothing was written. If
 *   the connection is lost during COMMIT, the outcome is unknown.
 */
export async function inTransaction<T>(
  connections: Connections,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  const client = await connections.pool.connect();
  try {
    const result = await begunAndCommitted(client, connections, work);
    client.release();
    return result;
  } catch (error) {
    await rollback(client);
    throw error;
  }
}

async function begunAndCommitted<T>(
  client: PoolClient,
  { nameOf, statementTimeoutMs, limitsPerTransaction }: Connections,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  const sent: Promise<unknown>[] = [];
  const send = <R extends Record<string, unknown>>(text: string, values: readonly unknown[] = []) => {
    const query: QueryConfig & { query_timeout: number } = {
      name: nameOf(text),
      text,
      values: [...values],
      query_timeout: SILENT_TIMEOUTS * statementTimeoutMs,
    };
    const answered = client.query<R>(query);
    answered.catch(() => undefined); // all are awaited below, where the first error is thrown
    sent.push(answered);
    return answered;
  };
  const begun = send(limitsPerTransaction === null ? 'BEGIN' : `BEGIN; ${limitsPerTransaction}`);
  const result = await work({
    read: async <R extends Record<string, unknown>>({ text, values }: Statement) => {
      const answered = send<R>(text, values);
      await begun; // without a transaction, the locks of a read would hold nothing
      return (await answered).rows;
    },
    write: <R extends Record<string, unknown>>(text: string, values: readonly string[]) => {
      const written = send<R>(text, values).then(({ rows }) => rows);
      written.catch(() => undefined); // the transaction fails with it
      return written;
    },
  });
  const committed = send('COMMIT');
  await Promise.all(sent);
  const { command } = await committed;
  if (command !== 'COMMIT') throw new Error(`PostgreSQL answered ${command} to COMMIT`);
  return result;
}

/** A connection that cannot roll back is closed, which makes the server do it. */
async function rollback(client: PoolClient): Promise<void> {
  try {
    await client.query('ROLLBACK');
    client.release();
  } catch (error) {
    client.release(error instanceof Error ? error : true);
  }
}

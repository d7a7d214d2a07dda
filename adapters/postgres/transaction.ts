import { type PoolClient, type QueryConfig } from 'pg';
import { type Read, type Statement } from '../../services/ports';
import { type Postgres } from './database';

/**
 * One transaction on a connection of its own. Statements go out at once, one behind the other, and are
 * answered in their order: those that need not wait for each other's answers cost one round trip together.
 */
export type Transaction = {
  read: Read;
  /**
   * A statement whose rows nobody needs; it goes out together with the COMMIT. Where it fails, the whole
   * transaction does.
   */
  write(text: string, values: readonly string[]): void;
};

/**
 * A connection on which nothing is answered for so many statement timeouts is given up: the server would have
 * ended the statement long since.
 */
const SILENT_TIMEOUTS = 3;

/**
 * Runs `work` in a transaction, read committed, and commits (ADR 26). BEGIN goes out with the first
 * statement, COMMIT with the last writes.
 * @throws what `work` throws, or the first statement that failed; then nothing was written. Where the
 *   connection was lost on COMMIT nobody knows.
 */
export async function inTransaction<T>(
  { pool, nameOf }: Pick<Postgres, 'pool' | 'nameOf'>,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    const result = await begunAndCommitted(
      client,
      nameOf,
      SILENT_TIMEOUTS * (pool.options.statement_timeout || 0),
      work,
    );
    client.release();
    return result;
  } catch (error) {
    await rollback(client);
    throw error;
  }
}

async function begunAndCommitted<T>(
  client: PoolClient,
  nameOf: Postgres['nameOf'],
  silentMs: number,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  const sent: Promise<unknown>[] = [];
  const send = <R extends Record<string, unknown>>(text: string, values: readonly unknown[] = []) => {
    const query: QueryConfig & { query_timeout: number } = {
      name: nameOf(text),
      text,
      values: [...values],
      query_timeout: silentMs,
    };
    const answered = client.query<R>(query);
    answered.catch(() => undefined); // all are awaited below, where the first to fail is told
    sent.push(answered);
    return answered;
  };
  const begun = send('BEGIN');
  const result = await work({
    read: async <R extends Record<string, unknown>>({ text, values }: Statement) => {
      const answered = send<R>(text, values);
      await begun; // what is read outside of a transaction is held by no lock
      return (await answered).rows;
    },
    write: (text, values) => void send(text, values),
  });
  const committed = send('COMMIT');
  await Promise.all(sent);
  const { command } = await committed;
  if (command !== 'COMMIT') throw new Error(`PostgreSQL answered ${command} to COMMIT`);
  return result;
}

/** A connection that cannot even roll back is closed, and the server does it. */
async function rollback(client: PoolClient): Promise<void> {
  try {
    await client.query('ROLLBACK');
    client.release();
  } catch (error) {
    client.release(error instanceof Error ? error : true);
  }
}

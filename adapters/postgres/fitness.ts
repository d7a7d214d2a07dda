import { type Read } from '../../services/ports';
import { poolReader, type Postgres, sql } from './database';

/** A server, or a pooler before it, with which the service must not work. */
export class UnfitPostgres extends Error {
  override name = 'UnfitPostgres';
}

const REMEDY = 'set DATABASE_PREPARED_STATEMENTS=false (docs/operations.md#poolers)';

/** @throws Error while PostgreSQL takes no writes from this login: a standby, or a server told to be read-only */
export async function requireWritable(read: Read): Promise<void> {
  const [row] = await read<{ readOnly: string }>(
    sql`SELECT current_setting('transaction_read_only') AS "readOnly"`,
  );
  if (row?.readOnly !== 'off') throw new Error('PostgreSQL is read-only: it takes no writes');
}

/** @throws UnfitPostgres where statements have no time-out or the wrong time zone, because a pooler drops both */
export async function requireLimits(read: Read, statementTimeoutMs: number): Promise<void> {
  const [row] = await read<{ timeoutMs: number; timeZone: string }>(sql`
    SELECT current_setting('TimeZone') AS "timeZone",
      (extract(epoch FROM current_setting('statement_timeout')::interval) * 1000)::float8 AS "timeoutMs"`);
  if (row?.timeoutMs !== statementTimeoutMs || row.timeZone !== 'UTC')
    throw new UnfitPostgres(
      `connections do not keep time-outs and time zone, as behind a pooler that ignores them: ${REMEDY}`,
    );
}

/** As PgBouncer and its like say it. */
const REFUSED_AT_START = /unsupported startup parameter/i;

/**
 * For the start of a process, which a wrong setting ends. A server that is away is waited for.
 * @throws UnfitPostgres
 */
export async function refuseUnfitPostgres(postgres: Postgres): Promise<void> {
  try {
    await requireLimits(poolReader(postgres), postgres.statementTimeoutMs);
  } catch (error) {
    if (error instanceof UnfitPostgres) throw error;
    if (error instanceof Error && REFUSED_AT_START.test(error.message))
      throw new UnfitPostgres(`a pooler refuses the connection (${error.message}): ${REMEDY}`);
  }
}

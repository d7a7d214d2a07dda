import { Pool } from 'pg';
import { z } from 'zod';

/** What PostgreSQL counted in the service's database since it began. */
export type DatabaseCounts = { transactions: number; rowsWritten: number };

const COUNTS = z.object({ transactions: z.coerce.number(), rows_written: z.coerce.number() });

/** A look at the service's database, past the service. */
export class DatabaseWindow {
  private readonly pool: Pool;

  constructor(databaseUrl: string) {
    this.pool = new Pool({ connectionString: databaseUrl, max: 1, application_name: 'bench' });
  }

  /** Up to a second old: that is how often sessions tell. */
  async counts(): Promise<DatabaseCounts> {
    const { rows } = await this.pool.query(`
      SELECT xact_commit + xact_rollback AS transactions, tup_inserted + tup_updated + tup_deleted AS rows_written FROM pg_stat_database WHERE datname = current_database()`);
    const { transactions, rows_written: rowsWritten } = COUNTS.parse(rows[0]);
    return { transactions, rowsWritten };
  }

  /** How many of these deliveries are DELIVERED. */
  async delivered(deliveryIds: readonly string[]): Promise<number> {
    const { rows } = await this.pool.query(`SELECT count(*)::int AS count FROM deliveries WHERE id = ANY($1::uuid[]) AND status = 'DELIVERED'`, [deliveryIds]);
    return z.object({ count: z.number() }).parse(rows[0]).count;
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}

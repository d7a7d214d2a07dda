import { Pool } from 'pg';
import { z } from 'zod';

/** PostgreSQL's counters of the service's database since it started. */
export type DatabaseCounts = { transactions: number; rowsWritten: number };

const COUNTS = z.object({ transactions: z.coerce.number(), rows_written: z.coerce.number() });

const COUNT = z.object({ count: z.number() });
const OFFERS = z.array(z.object({ id: z.string(), round: z.number() }));

/** Reads the service's database directly. */
export class DatabaseReader {
  private readonly pool: Pool;

  constructor(databaseUrl: string) {
    this.pool = new Pool({ connectionString: databaseUrl, max: 1, application_name: 'bench' });
  }

  /** Up to a second old: sessions report their counters once a second. */
  async counts(): Promise<DatabaseCounts> {
    const { rows } = await this.pool.query(`
      SELECT xact_commit + xact_rollback AS transactions,
        tup_inserted + tup_updated + tup_deleted AS rows_written
      FROM pg_stat_database WHERE datname = current_database()`);
    const { transactions, rows_written: rowsWritten } = COUNTS.parse(rows[0]);
    return { transactions, rowsWritten };
  }

  /** How many of these deliveries are DELIVERED. */
  delivered(deliveryIds: readonly string[]): Promise<number> {
    return this.count(
      `SELECT count(*)::int AS count FROM deliveries WHERE id = ANY($1::uuid[]) AND status = 'DELIVERED'`,
      deliveryIds,
    );
  }

  /** How many of these deliveries were ever offered to a driver. */
  offered(deliveryIds: readonly string[]): Promise<number> {
    return this.count(
      'SELECT count(DISTINCT delivery_id)::int AS count FROM offers WHERE delivery_id = ANY($1::uuid[])',
      deliveryIds,
    );
  }

  /** For each offer of these deliveries, how many searches before it found nobody. */
  async offerRounds(deliveryIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const { rows } = await this.pool.query(
      'SELECT id, round FROM offers WHERE delivery_id = ANY($1::uuid[])',
      [deliveryIds],
    );
    return new Map(OFFERS.parse(rows).map(({ id, round }) => [id, round]));
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  private async count(query: string, deliveryIds: readonly string[]): Promise<number> {
    const { rows } = await this.pool.query(query, [deliveryIds]);
    return COUNT.parse(rows[0]).count;
  }
}

import { Pool } from 'pg';
import type { Values } from './sample';

const MB = 1_048_576;
/** The applications of the service; other connections belong to this program, Temporal or others. */
const SHOWN_APPLICATIONS = { 'driver-service worker': 'worker', 'driver-service api': 'api' } as const;

type Table = { name: string; rows: number; dead: number; mb: number };

/** The contents of PostgreSQL, read through its own connection. */
export class Tables {
  private readonly pool: Pool;

  constructor(connectionString: string) {
    this.pool = new Pool({ connectionString, max: 1, application_name: 'soak' });
    this.pool.on('error', () => undefined); // the next query gets a new one
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  /** When the server started; it changes with a restart. */
  async startedAt(): Promise<string> {
    const {
      rows: [row],
    } = await this.pool.query<{ at: string }>('SELECT pg_postmaster_start_time()::text AS at');
    return row?.at ?? '';
  }

  async read(): Promise<Values> {
    const [connections, work, tables] = [await this.connections(), await this.work(), await this.tables()];
    const perTable = tables.flatMap(
      ({ name, rows, dead, mb }) =>
        [
          [`rows.${name}`, rows],
          [`dead.${name}`, dead],
          [`mb.${name}`, mb],
        ] as const,
    );
    return { ...connections, ...work, ...Object.fromEntries(perTable) };
  }

  private async connections(): Promise<Values> {
    const { rows } = await this.pool.query<{ name: string; count: number }>(
      `SELECT application_name AS name, count(*)::int AS count FROM pg_stat_activity
        WHERE datname = current_database() GROUP BY 1`,
    );
    return Object.fromEntries(
      Object.entries(SHOWN_APPLICATIONS).map(([name, short]) => [
        `connections.${short}`,
        rows.find((row) => row.name === name)?.count ?? 0,
      ]),
    );
  }

  private async work(): Promise<Values> {
    const {
      rows: [row],
    } = await this.pool.query<{ unsent: number; open: number; live: number; busy: number }>(`SELECT
      (SELECT count(*) FROM outbox WHERE sent_at IS NULL)::int AS unsent,
        (SELECT count(*) FROM deliveries WHERE closed_at IS NULL)::int AS open,
      (SELECT count(*) FROM offers WHERE state = 'LIVE')::int AS live,
        (SELECT count(*) FROM drivers WHERE live_offers + active_assignments > 0)::int AS busy`);
    return {
      'outbox.unsent': row?.unsent ?? 0,
      'deliveries.open': row?.open ?? 0,
      'offers.live': row?.live ?? 0,
      'drivers.busy': row?.busy ?? 0,
    };
  }

  /** Partitions count as their table. Rows are inserts minus deletes, not the planner's estimate. */
  private async tables(): Promise<Table[]> {
    const { rows } = await this.pool.query<Table>(`
      SELECT coalesce(root.relname, s.relname) AS name, sum(s.n_tup_ins - s.n_tup_del)::float8 AS rows,
        sum(s.n_dead_tup)::float8 AS dead,
        sum(pg_total_relation_size(s.relid))::float8 / ${MB} AS mb
      FROM pg_stat_user_tables s LEFT JOIN pg_class root ON root.oid = pg_partition_root(s.relid)
        AND root.oid <> s.relid
      WHERE s.schemaname = 'public' AND s.relname NOT LIKE '\\_prisma%' GROUP BY 1 ORDER BY 1`);
    return rows;
  }
}

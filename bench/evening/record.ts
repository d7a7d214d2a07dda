import { Pool } from 'pg';
import { z } from 'zod';

/** Instants are epoch ms. */
const DELIVERY = z.object({
  deliveryId: z.string(),
  createdAt: z.number(),
  searchAt: z.number(),
  reason: z.string().nullable(),
  level: z.number(),
  closedAt: z.number().nullable(),
});
const OFFER = z.object({
  offerId: z.string(),
  deliveryId: z.string(),
  driverId: z.string(),
  state: z.string(),
  round: z.number(),
  createdAt: z.number(),
  endedAt: z.number().nullable(),
});
const ASSIGNMENT = z.object({
  deliveryId: z.string(),
  driverId: z.string(),
  startedAt: z.number(),
  endedAt: z.number().nullable(),
});
const COUNT = z.object({ count: z.number() });

/** `reason`: why it ended; `level`: the highest escalation level that it reached. */
export type DeliveryRow = z.output<typeof DELIVERY>;
/** `round`: how many searches before it found nobody. */
export type OfferRow = z.output<typeof OFFER>;
export type AssignmentRow = z.output<typeof ASSIGNMENT>;
export type Rows = { deliveries: DeliveryRow[]; offers: OfferRow[]; assignments: AssignmentRow[] };

/** SQL for epoch ms of a column. */
const ms = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;

/** Reads what the service's database says of one city since an instant. */
export class EveningRecord {
  private readonly pool: Pool;

  /** @param since of the deliveries, epoch ms */
  constructor(
    databaseUrl: string,
    private readonly cityId: string,
    private readonly since: number,
  ) {
    this.pool = new Pool({ connectionString: databaseUrl, max: 2, application_name: 'evening bench' });
  }

  /** Deliveries without a driver that were placed before `before` (epoch ms). */
  async waiting(before: number): Promise<number> {
    const { rows } = await this.pool.query(
      `SELECT count(*)::int AS count FROM deliveries WHERE closed_at IS NULL AND city_id = $1
        AND created_at >= to_timestamp($2::float8 / 1000) AND created_at < to_timestamp($3::float8 / 1000)
        AND status IN ('PENDING', 'SEARCHING', 'OFFERED')`,
      [this.cityId, this.since, before],
    );
    return COUNT.parse(rows[0]).count;
  }

  /** Drivers of the city who can be asked. */
  async onDuty(): Promise<number> {
    const { rows } = await this.pool.query(
      `SELECT count(*)::int AS count FROM drivers WHERE city_id = $1 AND availability IN ('AVAILABLE', 'BUSY')`,
      [this.cityId],
    );
    return COUNT.parse(rows[0]).count;
  }

  async rows(): Promise<Rows> {
    const of = (columns: string, from: string): Promise<{ rows: unknown[] }> =>
      this.pool.query(
        `SELECT ${columns} FROM ${from} WHERE d.city_id = $1 AND d.created_at >= to_timestamp($2::float8 / 1000)`,
        [this.cityId, this.since],
      );
    const [deliveries, offers, assignments] = await Promise.all([
      of(
        `d.id AS "deliveryId", ${ms('d.created_at')} AS "createdAt", ${ms('d.search_at')} AS "searchAt",
          d.reason_code AS reason, d.escalation_level AS level, ${ms('d.closed_at')} AS "closedAt"`,
        'deliveries d',
      ),
      of(
        `o.id AS "offerId", d.id AS "deliveryId", o.driver_id AS "driverId", o.state, o.round,
          ${ms('o.created_at')} AS "createdAt", ${ms('o.ended_at')} AS "endedAt"`,
        'deliveries d JOIN offers o ON o.delivery_id = d.id',
      ),
      of(
        `d.id AS "deliveryId", a.driver_id AS "driverId", ${ms('a.started_at')} AS "startedAt",
          ${ms('a.ended_at')} AS "endedAt"`,
        'deliveries d JOIN assignments a ON a.delivery_id = d.id',
      ),
    ]);
    return {
      deliveries: z.array(DELIVERY).parse(deliveries.rows),
      offers: z.array(OFFER).parse(offers.rows),
      assignments: z.array(ASSIGNMENT).parse(assignments.rows),
    };
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}

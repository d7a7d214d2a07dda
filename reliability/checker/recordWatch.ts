import { Pool, type PoolClient } from 'pg';
import { type Reader, readDeliveries, type RecordedDelivery } from '../../simulator/kit/record';
import type { Violation } from './violation';
import { rowProblems, trailProblems } from './deliveryRules';
import { availabilityProblems } from './driverRules';
import { momentProblems } from './momentRules';
import { type DutyDriver, ms, readSnapshot, type Snapshot } from './snapshot';
import { chainProblems, type Head, movesOf, readForeignEnds, readLastEntries, readTrails } from './trail';

/** A closed delivery; its workflow must be closed too. */
export type ClosedDelivery = Pick<RecordedDelivery, 'deliveryId' | 'merchantId' | 'sellerOrderId' | 'status'>;

/** The result of one check of PostgreSQL. `closed`: deliveries that were open at the check before. */
export type RecordCheck = { snapshot: Snapshot; problems: Violation[]; closed: ClosedDelivery[] };

export type RecordWatchOptions = {
  databaseUrl: string;
  cityIds: readonly string[] | null;
  timeoutMs: number;
};

/** The most changed deliveries that one check judges; the rest follow in the next check. */
const JUDGED_AT_ONCE = 300;
const DRIVERS_AT_ONCE = 20;
/** How long after its timestamp an entry may be written: its writer waited for a row lock or was frozen. */
const LATE_ENTRY_MS = 15 * 60_000;

/** Reads PostgreSQL: all live rows at each check, and the full history of a delivery only when it changed. */
export class RecordWatch {
  /** The heads of the audit trails at their last check, for deliveries open then and for drivers. */
  private readonly judged = new Map<string, string | null>();
  private readonly judgedDrivers = new Map<string, string | null>();

  private constructor(
    private readonly pool: Pool,
    private readonly cityIds: readonly string[] | null,
    private readonly since: number,
  ) {}

  static async open({ databaseUrl, cityIds, timeoutMs }: RecordWatchOptions): Promise<RecordWatch> {
    const pool = new Pool({
      connectionString: databaseUrl,
      max: 1,
      connectionTimeoutMillis: timeoutMs,
      query_timeout: timeoutMs,
      statement_timeout: timeoutMs,
      application_name: 'checker',
    });
    // A server that is killed on purpose closes idle connections; the next check opens a new one.
    pool.on('error', () => undefined);
    // It closes connections in use as well; the waiting query reports it.
    pool.on('connect', (client) => client.on('error', () => undefined));
    const { rows } = await pool.query<{ now: number }>(`SELECT ${ms('now()')} AS now`);
    return new RecordWatch(pool, cityIds, rows[0]?.now ?? 0);
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  /** @throws Error where PostgreSQL does not answer in time */
  async look(): Promise<RecordCheck> {
    return this.atOneMoment(async (client) => {
      const snapshot = await readSnapshot(client, this.cityIds);
      const { problems, closed } = await this.judgeChanged(client, snapshot);
      return {
        snapshot,
        closed,
        problems: [
          ...momentProblems(snapshot),
          ...problems,
          ...(await this.judgeDrivers(client, snapshot.drivers)),
        ],
      };
    });
  }

  /** Closed deliveries of this run, and those named. */
  async closed(): Promise<ClosedDelivery[]> {
    const { rows } = await this.pool.query<ClosedDelivery>(CLOSED, [this.cityIds, new Date(this.since)]);
    return rows;
  }

  /**
   * Judges the full history of all deliveries of this run and those named, in batches, and the audit trails
   * of all drivers.
   */
  async judgeAll(
    named: readonly string[],
  ): Promise<{ deliveries: RecordedDelivery[]; problems: Violation[] }> {
    const { rows } = await this.pool.query<{ id: string }>(OF_THE_RUN, [
      this.cityIds,
      new Date(this.since),
      [...named],
    ]);
    const all: { deliveries: RecordedDelivery[]; problems: Violation[] } = { deliveries: [], problems: [] };
    for (let from = 0; from < rows.length; from += JUDGED_AT_ONCE) {
      const page = rows.slice(from, from + JUDGED_AT_ONCE).map(({ id }) => id);
      const { deliveries, problems } = await this.atOneMoment((client) => judge(client, page));
      all.deliveries.push(...deliveries);
      all.problems.push(...problems);
    }
    all.problems.push(...(await this.judgeDriverTrails()));
    return all;
  }

  private async judgeChanged(
    client: PoolClient,
    { open }: Snapshot,
  ): Promise<{ problems: Violation[]; closed: ClosedDelivery[] }> {
    const heads = new Map(open.map(({ deliveryId, auditHash }) => [deliveryId, auditHash]));
    const gone = [...this.judged.keys()].filter((id) => !heads.has(id));
    const changed = [...heads]
      .filter(([id, hash]) => this.judged.get(id) !== hash || !this.judged.has(id))
      .map(([id]) => id);
    const ids = [...gone, ...changed].slice(0, JUDGED_AT_ONCE);
    const { deliveries, problems } = await judge(client, ids);
    const closed = deliveries.filter(({ closedAt }) => closedAt !== null);
    for (const id of ids) {
      const head = heads.get(id);
      if (head === undefined) this.judged.delete(id);
      else this.judged.set(id, head);
    }
    return { problems, closed };
  }

  /**
   * Checks only the newest entry of drivers who changed: their trails grow without bound, and are read in
   * full at the end.
   */
  private async judgeDrivers(client: PoolClient, drivers: readonly DutyDriver[]): Promise<Violation[]> {
    const changed = drivers.filter(
      ({ driverId, auditHash }) =>
        this.judgedDrivers.has(driverId) && this.judgedDrivers.get(driverId) !== auditHash,
    );
    const last = await readLastEntries(client, changed.map(headOf), Date.now() - LATE_ENTRY_MS);
    for (const { driverId, auditHash } of drivers) this.judgedDrivers.set(driverId, auditHash);
    return changed.flatMap((driver): Violation[] => {
      const entry = last.get(`driver/${driver.driverId}`);
      if (entry) return availabilityProblems(driver, [{ ...entry, from: null }]);
      return [
        {
          invariant: 7,
          what: 'the last audit entry that the row names is missing',
          deliveryId: null,
          driverId: driver.driverId,
        },
      ];
    });
  }

  private async judgeDriverTrails(): Promise<Violation[]> {
    const { rows } = await this.pool.query<{ id: string }>(
      'SELECT id FROM drivers WHERE $1::text[] IS NULL OR city_id = ANY($1::text[])',
      [this.cityIds],
    );
    const problems: Violation[] = [];
    for (let from = 0; from < rows.length; from += DRIVERS_AT_ONCE) {
      const page = rows.slice(from, from + DRIVERS_AT_ONCE).map(({ id }) => id);
      problems.push(...(await this.atOneMoment((client) => judgeDriverPage(client, page))));
    }
    return problems;
  }

  /** All statements read the same snapshot. */
  private async atOneMoment<T>(read: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    try {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      const result = await read(client);
      await client.query('COMMIT');
      client.release();
      return result;
    } catch (error) {
      client.release(true);
      throw error;
    }
  }
}

async function judge(
  client: Reader,
  deliveryIds: readonly string[],
): Promise<{ deliveries: RecordedDelivery[]; problems: Violation[] }> {
  if (deliveryIds.length === 0) return { deliveries: [], problems: [] };
  const stored = await readDeliveries(client, deliveryIds);
  const { rows: heads } = await client.query<Head>(HEADS, [[...deliveryIds]]);
  const trails = await readTrails(client, heads);
  const foreign = await readForeignEnds(client, deliveryIds);
  const trailOf = new Map(trails.map((trail) => [trail.chain, trail]));
  const deliveries = stored.map((delivery) => {
    const trail = trailOf.get(`delivery/${delivery.deliveryId}`);
    return {
      ...delivery,
      moves: [...(trail ? movesOf(trail) : []), ...(foreign.get(delivery.deliveryId) ?? [])],
    };
  });
  const found = new Set(deliveries.map(({ deliveryId }) => deliveryId));
  const missing = deliveryIds
    .filter((id) => !found.has(id))
    .map((deliveryId): Violation => ({
      invariant: 2,
      what: 'the delivery has no row',
      deliveryId,
      driverId: null,
    }));
  return {
    deliveries,
    problems: [
      ...missing,
      ...deliveries.flatMap((delivery) => [...rowProblems(delivery), ...trailProblems(delivery)]),
      ...trails.flatMap(chainProblems),
    ],
  };
}

type DriverHead = {
  driverId: string;
  cityId: string;
  availability: DutyDriver['availability'];
  auditHash: string | null;
};

async function judgeDriverPage(client: Reader, driverIds: readonly string[]): Promise<Violation[]> {
  const { rows: drivers } = await client.query<DriverHead>(DRIVER_HEADS, [[...driverIds]]);
  const trails = new Map(
    (await readTrails(client, drivers.map(headOf))).map((trail) => [trail.chain, trail]),
  );
  return drivers.flatMap((driver) => {
    const trail = trails.get(`driver/${driver.driverId}`);
    return trail ? [...chainProblems(trail), ...availabilityProblems(driver, movesOf(trail))] : [];
  });
}

function headOf({
  driverId,
  cityId,
  auditHash,
}: Pick<DriverHead, 'driverId' | 'cityId' | 'auditHash'>): Head {
  return { chain: `driver/${driverId}`, hash: auditHash, cityId };
}

const IN_CITIES = '($1::text[] IS NULL OR city_id = ANY($1::text[]))';
const HEADS = `SELECT 'delivery/' || id AS chain, encode(audit_hash, 'hex') AS hash, city_id AS "cityId"
  FROM deliveries WHERE id = ANY($1::uuid[])`;
const DRIVER_HEADS = `SELECT id AS "driverId", city_id AS "cityId", availability,
  encode(audit_hash, 'hex') AS "auditHash" FROM drivers WHERE id = ANY($1::uuid[])`;
const OF_THE_RUN = `SELECT id FROM deliveries WHERE ${IN_CITIES}
  AND (created_at >= $2 OR closed_at IS NULL OR closed_at >= $2) UNION SELECT unnest($3::uuid[])`;
const CLOSED = `SELECT id AS "deliveryId", merchant_id AS "merchantId", seller_order_id AS "sellerOrderId", status
  FROM deliveries WHERE ${IN_CITIES} AND closed_at >= $2`;

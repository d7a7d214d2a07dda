import { Redis } from 'ioredis';
import { Pool } from 'pg';
import type { InspectorSettings } from './environment';
import type { RunEvidence } from './figures';
import { type RecordedDelivery, readDeliveries, readDrivers } from './record';
import { openTemporal, type RunSnapshot, type TemporalInspector } from './temporal';

/** Reads PostgreSQL, Redis and Temporal directly, to verify the service. */
export class Inspection {
  private constructor(
    readonly pool: Pool,
    private readonly redis: Redis,
    readonly temporal: TemporalInspector,
  ) {}

  static async open({ databaseUrl, redisUrl }: InspectorSettings): Promise<Inspection> {
    const pool = new Pool({ connectionString: databaseUrl, max: 4, application_name: 'inspection' });
    // A killed server closes its idle connections. The next query opens a new one.
    pool.on('error', () => undefined);
    const redis = new Redis(redisUrl);
    redis.on('error', () => undefined); // the same
    return new Inspection(pool, redis, await openTemporal());
  }

  async close(): Promise<void> {
    this.redis.disconnect();
    await Promise.all([this.pool.end(), this.temporal.close()]);
  }

  /** How many of these deliveries have not ended. */
  async openCount(deliveryIds: readonly string[]): Promise<number> {
    const { rows } = await this.pool.query<{ open: number }>(
      'SELECT count(*)::int AS open FROM deliveries WHERE id = ANY($1::uuid[]) AND closed_at IS NULL',
      [[...deliveryIds]],
    );
    return rows[0]?.open ?? 0;
  }

  async liveOffers(): Promise<number> {
    const { rows } = await this.pool.query<{ live: number }>(
      "SELECT count(*)::int AS live FROM offers WHERE state = 'LIVE'",
    );
    return rows[0]?.live ?? 0;
  }

  /** Whether searches find this driver on the live map. */
  async isOnMap(driverId: string): Promise<boolean> {
    return (await this.redis.zscore('drivers:geo', driverId)) !== null;
  }

  /** Deletes all data of the service in Redis. */
  async flushRedis(): Promise<void> {
    await this.redis.flushdb();
  }

  /** Reads these deliveries and drivers from all three stores at about the same time. */
  async collectEvidence({
    deliveryIds,
    driverIds,
  }: {
    deliveryIds: readonly string[];
    driverIds: readonly string[];
  }): Promise<Pick<RunEvidence, 'deliveries' | 'drivers' | 'onMap' | 'histories'>> {
    const deliveries = await readDeliveries(this.pool, deliveryIds);
    const histories = await this.histories(deliveries);
    const [drivers, onMap] = await Promise.all([
      readDrivers(this.pool, driverIds),
      this.redis.zrange('drivers:geo', '0', '-1'),
    ]);
    return { deliveries, drivers, onMap, histories };
  }

  private async histories(deliveries: readonly RecordedDelivery[]): Promise<RunEvidence['histories']> {
    const found = new Map<string, { events: number; result: string }>();
    const rest = [...deliveries];
    const take = async (): Promise<void> => {
      for (let next = rest.pop(); next; next = rest.pop()) {
        const snapshot = await this.temporal.snapshot(next);
        if (snapshot.kind !== 'none')
          found.set(next.deliveryId, {
            events: await this.temporal.events(next),
            result: resultOf(snapshot),
          });
      }
    };
    await Promise.all(Array.from({ length: CALLS_AT_ONCE }, take));
    return found;
  }
}

const CALLS_AT_ONCE = 8;

function resultOf(snapshot: RunSnapshot): string {
  switch (snapshot.kind) {
    case 'running':
      return 'running';
    case 'ended':
      return snapshot.result;
    case 'broken':
      return snapshot.state;
    case 'silent':
      return `silent (${snapshot.why})`;
    case 'none':
      return 'none';
  }
}

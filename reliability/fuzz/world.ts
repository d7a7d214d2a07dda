import { v4 as newUuid } from 'uuid';
import type { Pool } from 'pg';
import type { DeliveryStatus, Step } from '../../domain/delivery/status';
import type { Connections } from '../../simulator/client/connections';
import { type OpsClient, UnexpectedRefusal, requireSuccess } from '../../simulator/client/service';
import type { SupportClient } from '../../simulator/client/supportClient';
import { ID_PLACES } from './knownIds';
import { isHidden, type Tenant } from './tenants';

/**
 * Operating cities that give requests something to act on: live and expired offers, deliveries in all states,
 * cases.
 */
export type FuzzWorld = {
  /**
   * Resets shifts, features and other state that requests changed, places orders, advances some deliveries,
   * and reads the current ids in a fixed order of kinds.
   */
  refresh(): Promise<string[]>;
};

const FEATURES = ['driver_offers', 'availability_states', 'escalation', 'auto_reassignment'] as const;

/** @throws UnexpectedRefusal where the API refuses a valid request */
export async function openWorld({
  connections,
  pool,
  tenants,
}: {
  connections: Connections;
  pool: Pool;
  tenants: readonly Tenant[];
}): Promise<FuzzWorld> {
  const [ops, desk] = [await connections.ops('fuzz-setup'), await connections.support('fuzz-setup')];
  for (const tenant of tenants) await setUp(ops, tenant);
  let order = 0;
  return {
    refresh: async () => {
      for (const feature of FEATURES) await desk.putFeature(feature, true, 'reset by the fuzz run');
      await Promise.all(
        tenants.map((tenant) => work(connections, { ops, desk, pool }, tenant, `${tenant.name}-${order}`)),
      );
      order += 1;
      return readIds(pool, tenants);
    },
  };
}

async function setUp(ops: OpsClient, { name, cityId, merchantId, center, drivers }: Tenant): Promise<void> {
  requireSuccess('a city', await ops.putCity({ cityId, name, timezone: 'UTC', currency: 'EUR', center }));
  const [south, west, north, east] = [center.lat - 0.3, center.lng - 0.3, center.lat + 0.3, center.lng + 0.3];
  requireSuccess(
    'a zone',
    await ops.putZone({
      zoneId: `zone-${name}`,
      cityId,
      name,
      ring: [
        [west, south],
        [east, south],
        [east, north],
        [west, north],
        [west, south],
      ],
      offerTtlSeconds: 5,
    }),
  );
  requireSuccess('a shop', await ops.putMerchant({ merchantId, name: `The shop of ${name}` }));
  for (const { driverId, name: secret, isV1 } of drivers)
    requireSuccess(
      'a driver',
      await ops.putDriver({ driverId, cityId, name: secret, vehicle: 'CAR', offerVersion: isV1 ? null : 2 }),
    );
}

/** Steps that an earlier request made impossible are skipped. */
async function work(
  connections: Connections,
  { ops, desk, pool }: { ops: OpsClient; desk: SupportClient; pool: Pool },
  tenant: Tenant,
  sellerOrderId: string,
): Promise<void> {
  const { cityId, merchantId, center, drivers, orderSecret } = tenant;
  // A request may have changed the city's currency or moved its zone.
  await ops.putCity({ cityId, name: tenant.name, timezone: 'UTC', currency: 'EUR', center });
  for (const { driverId, isV1 } of drivers) {
    const client = await (isV1 ? connections.v1Driver(driverId) : connections.driver(driverId));
    await client.sendPositions([{ point: center, at: Date.now() }]);
    await client.startShift(null);
  }
  const shop = await connections.merchant(merchantId);
  const stop = { address: orderSecret, point: center };
  const dropoff = { ...stop, point: { lat: center.lat + 0.01, lng: center.lng }, contactName: orderSecret };
  const posted = await shop.post({
    sellerOrderId: `${sellerOrderId}-${newUuid()}`,
    cityId,
    pickup: stop,
    dropoff,
    readyAt: null,
    parcelSize: 'SMALL',
    feeCents: 500,
  });
  if (!posted.ok) throw new UnexpectedRefusal(`an order: ${posted.code} ${posted.detail}`);
  await advanceDeliveries(connections, pool, cityId);
  await maintainQueue(desk, ops, pool, cityId);
}

/**
 * Drivers accept one offer and advance their delivery by one step, so that deliveries in all states exist.
 */
async function advanceDeliveries(connections: Connections, pool: Pool, cityId: string): Promise<void> {
  const {
    rows: [offer],
  } = await pool.query<{ id: string; driver_id: string }>(
    `SELECT o.id, o.driver_id FROM offers o JOIN deliveries d ON d.id = o.delivery_id
      WHERE o.state = 'LIVE' AND d.city_id = $1 ORDER BY o.created_at, o.id LIMIT 1`,
    [cityId],
  );
  if (offer) await (await connections.driver(offer.driver_id)).accept(offer.id);
  const { rows: carried } = await pool.query<{ id: string; driver_id: string; status: DeliveryStatus }>(
    `SELECT id, driver_id, status FROM deliveries WHERE city_id = $1 AND driver_id IS NOT NULL AND closed_at IS NULL`,
    [cityId],
  );
  for (const { id, driver_id: driverId, status } of carried) {
    const step = NEXT_STEP.get(status);
    if (step) await (await connections.driver(driverId)).step(id, step, Date.now());
  }
}

const NEXT_STEP = new Map<DeliveryStatus, Step>([
  ['ASSIGNED', 'arriveAtPickup'],
  ['AT_PICKUP', 'pickUp'],
  ['PICKED_UP', 'arriveAtDropoff'],
  ['AT_DROPOFF', 'deliver'],
  ['RETURNING', 'returnGoods'],
]);

/**
 * Rescues a driver now and then, so that the support queue has cases, and cancels orders that would pile up.
 */
async function maintainQueue(desk: SupportClient, ops: OpsClient, pool: Pool, cityId: string): Promise<void> {
  const {
    rows: [carried],
  } = await pool.query<{ driver_id: string; queued: boolean }>(
    `SELECT driver_id, EXISTS (SELECT FROM escalations e WHERE e.city_id = $1 AND e.state <> 'RESOLVED') AS queued
      FROM deliveries
      WHERE city_id = $1 AND status IN ('PICKED_UP', 'AT_DROPOFF') ORDER BY id LIMIT 1`,
    [cityId],
  );
  if (carried?.queued === false) await desk.rescue(carried.driver_id, 'opens a case for the fuzz run');
  const { rows: tooMany } = await pool.query<{ id: string }>(
    `SELECT id FROM deliveries WHERE city_id = $1 AND closed_at IS NULL ORDER BY created_at DESC OFFSET $2`,
    [cityId, MAX_OPEN],
  );
  for (const { id } of tooMany) await ops.cancel(id, 'OPS_CANCELLED');
}

const MAX_OPEN = 10;

/** Kinds have fixed places: number 9 is an offer in every run. Closed rows are included. */
async function readIds(pool: Pool, tenants: readonly Tenant[]): Promise<string[]> {
  const cities = tenants.filter((tenant) => !isHidden(tenant)).map(({ cityId }) => cityId);
  const read = async (query: string, places: number): Promise<string[]> => {
    const { rows } = await pool.query<{ id: string }>(query, [cities, places]);
    return Array.from({ length: places }, (_, at) => rows[at % Math.max(1, rows.length)]?.id ?? newUuid());
  };
  const drivers = tenants
    .filter((tenant) => !isHidden(tenant))
    .flatMap((tenant) => tenant.drivers.map(({ driverId }) => driverId));
  const rest = await Promise.all([
    read(
      `SELECT o.id FROM offers o JOIN deliveries d ON d.id = o.delivery_id WHERE d.city_id = ANY($1)
        ORDER BY o.state <> 'LIVE', o.created_at DESC LIMIT $2`,
      ID_PLACES.offers,
    ),
    read(
      `(SELECT id FROM deliveries WHERE city_id = ANY($1) AND closed_at IS NULL
        ORDER BY status = 'SEARCHING', created_at DESC LIMIT $2 - 4)
      UNION ALL (SELECT id FROM deliveries WHERE city_id = ANY($1) AND closed_at IS NOT NULL
        ORDER BY closed_at DESC LIMIT 4)`,
      ID_PLACES.deliveries,
    ),
    read(
      `SELECT id FROM escalations WHERE city_id = ANY($1) ORDER BY state = 'RESOLVED', opened_at DESC LIMIT $2`,
      ID_PLACES.escalations,
    ),
  ]);
  return [...Array.from({ length: ID_PLACES.drivers }, (_, at) => drivers[at] ?? newUuid()), ...rest.flat()];
}

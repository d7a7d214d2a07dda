/** What ops, merchants and customers are sent when they connect, and after each reconnect. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Client as PgClient } from 'pg';
import { v7 as newId } from 'uuid';
import { ALL_MERCHANTS_ROOM, ALL_OPS_ROOM, opsRoom, withAllOps } from '../../domain/notices/message';
import { STATE_LIMITS } from '../../domain/notices/stateEvents';
import { createTrackingTokens } from '../../api/auth/trackingTokens';
import { asyncApiDocument } from '../../api/realtime/asyncapi';
import { createZoneActs } from '../../services/zones/zoneActs';
import { EventContract } from '../support/eventContract';
import { createGatewayWorld, type GatewayWorld, nextEvent, TRACKING } from '../support/gatewayWorld';

const contract = new EventContract(asyncApiDocument());

let gateway: GatewayWorld;
/** The service itself may delete none of these rows. */
let owner: PgClient;
beforeAll(async () => {
  gateway = await createGatewayWorld();
  owner = new PgClient({ connectionString: gateway.world.ownerUrl });
  await owner.connect();
});
afterAll(async () => {
  await owner.end();
  await gateway.close();
});
afterEach(async () => {
  gateway.closeSockets();
  await owner.query('DELETE FROM escalations; DELETE FROM stops; DELETE FROM deliveries');
});

const opsToken = (cities?: string[]): Promise<string> =>
  gateway.tokenOf({ sub: 'olga', role: 'ops', cities: cities ?? '*' });
const merchantToken = (): Promise<string> =>
  gateway.tokenOf({ sub: 'shop', role: 'merchant', merchantId: 'bakery' });
const trackingToken = (deliveryId: string): Promise<string> =>
  TRACKING.issue(deliveryId, Date.now() + 3_600_000);
const ids = (list: unknown): string[] =>
  (list as { deliveryId: string }[]).map(({ deliveryId }) => deliveryId);

async function addClosed(reasonCode: string, agoMs: number): Promise<string> {
  const { world } = gateway;
  const id = await world.addDelivery();
  await world.db.delivery.update({
    where: { id },
    data: { status: 'CANCELLED', reasonCode, closedAt: new Date(Date.now() - agoMs) },
  });
  return id;
}

describe('ops who connect', () => {
  test('get the open deliveries and cases of their cities, and of no others', async () => {
    const { world } = gateway;
    const [mine, other] = [await world.addDelivery(), await world.addDelivery({ cityId: 'rtm' })];
    await addClosed('OPS_CANCELLED', 1_000);
    const [low, high] = [newId(), newId()];
    const openedAt = new Date(Date.now());
    const reason = 'UNASSIGNED';
    await world.db.escalation.createMany({
      data: [
        { id: low, deliveryId: mine, cityId: 'ams', level: 2, reason, openedAt },
        { id: high, deliveryId: other, cityId: 'rtm', level: 3, reason, openedAt },
      ],
    });
    const { state: some } = await gateway.open(await opsToken(['ams']), 'OPS_STATE');
    const { state: all } = await gateway.open(await opsToken(), 'OPS_STATE');
    expect(contract.violations('ops', [{ event: 'OPS_STATE', body: all }])).toEqual([]);
    expect([ids(some.deliveries), ids(some.cases)]).toEqual([[mine], [mine]]);
    expect(ids(all.deliveries)).toEqual([other, mine]);
    expect(all.cases).toMatchObject([{ escalationId: high }, { escalationId: low }]);
    expect(all).toMatchObject({ hasMoreDeliveries: false, hasMoreCases: false });
  });

  test('get no more than a bounded list, which says that there is more', async () => {
    const { world } = gateway;
    for (let made = 0; made <= STATE_LIMITS.opsDeliveries; made++) await world.addDelivery();
    const { state } = await gateway.open(await opsToken(), 'OPS_STATE');
    expect(ids(state.deliveries)).toHaveLength(STATE_LIMITS.opsDeliveries);
    expect(state.hasMoreDeliveries).toBe(true);
  });

  test('get it again after each reconnect', async () => {
    const { world } = gateway;
    const { socket, state } = await gateway.open(await opsToken(), 'OPS_STATE');
    expect(state.deliveries).toEqual([]);
    const deliveryId = await world.addDelivery();
    const again = nextEvent(socket, 'OPS_STATE');
    socket.io.engine.close();
    expect(ids((await again).deliveries)).toEqual([deliveryId]);
  });

  test('and may see all cities hear of a city that was made after they connected, once', async () => {
    const { socket: all } = await gateway.open(await opsToken(), 'OPS_STATE');
    const { socket: some } = await gateway.open(await opsToken(['ams']), 'OPS_STATE');
    const heard: [string, unknown][] = [];
    all.onAny((_event, body: { zoneId: string }) => void heard.push(['all', body.zoneId]));
    some.onAny((_event, body: { zoneId: string }) => void heard.push(['some', body.zoneId]));
    const changed = (cityId: string, zoneId: string) =>
      gateway.relay({
        rooms: [opsRoom(cityId)],
        event: 'zone_health_changed',
        body: {
          cityId,
          zoneId,
          state: 'OK',
          before: 'OK',
          reasons: [],
          computedAt: new Date().toISOString(),
        },
      });
    const last = [nextEvent(all, 'offer_created'), nextEvent(some, 'offer_created')];
    await changed('new-city', 'new');
    await changed('ams', 'known');
    const body = { offerId: newId(), deliveryId: newId(), driverId: newId(), zoneId: 'last' };
    await gateway.relay({
      rooms: [opsRoom('ams')],
      event: 'offer_created',
      body: { ...body, expiresAt: '2026-01-01T00:00:00.000Z', kind: 'SINGLE' },
    });
    await Promise.all(last);
    expect(heard.sort()).toEqual([
      ['all', 'known'],
      ['all', 'last'],
      ['all', 'new'],
      ['some', 'known'],
      ['some', 'last'],
    ]);
  });

  test('of no city hear nothing of others: only rooms of ops are widened', () => {
    expect(withAllOps(['merchant:bakery', 'tracking:1', 'driver:2'])).not.toContain(ALL_OPS_ROOM);
    expect(withAllOps(['merchant:bakery', 'ops:ams'])).toContain(ALL_OPS_ROOM);
  });
});

describe('a merchant who connects', () => {
  test('gets open deliveries, without who is asked, and what closed in the last day', async () => {
    const { world } = gateway;
    await world.db.merchant.createMany({ data: [{ id: 'butcher', name: 'B' }], skipDuplicates: true });
    const open = await world.addDelivery({ status: 'OFFERED' });
    const foreign = await world.addDelivery();
    await world.db.delivery.update({ where: { id: foreign }, data: { merchantId: 'butcher' } });
    const missed = await addClosed('NO_DRIVER', 3_600_000);
    await addClosed('OPS_CANCELLED', 25 * 3_600_000);
    const { state } = await gateway.open(await merchantToken(), 'MERCHANT_STATE');
    expect(contract.violations('merchant', [{ event: 'MERCHANT_STATE', body: state }])).toEqual([]);
    expect(state).toMatchObject({
      merchantId: 'bakery',
      deliveries: [{ deliveryId: open, status: 'SEARCHING' }],
      closed: [{ deliveryId: missed, status: 'CANCELLED', reasonCode: 'NO_DRIVER' }],
      hasMoreDeliveries: false,
      hasMoreClosed: false,
      ordersStopped: [],
    });
  });

  test('gets where no orders are taken now, and hears of changes of it', async () => {
    const { world } = gateway;
    const acts = createZoneActs({
      db: world.db,
      clock: Date.now,
      newId,
      timeScale: 1,
      deliveriesPerSecond: 1_000,
      widenMaxMeters: 50_000,
      escalatedRadiusMeters: 22_500,
      notifyRelay: () => {},
    });
    const asked = {
      by: { kind: 'ops', id: 'olga' },
      why: 'storm',
      correlationId: 'test',
      key: newId(),
    } as const;
    const place = { cityId: 'ams', zoneId: null };
    const length = { minutes: 5, untilAt: null };
    const made = await acts.stopOrders(place, { reason: 'WEATHER', length }, asked);
    const stop = { ...place, reason: 'WEATHER' as const, until: new Date(made?.until ?? 0).toISOString() };
    const { socket, state } = await gateway.open(await merchantToken(), 'MERCHANT_STATE');
    expect(state.ordersStopped).toEqual([stop]);
    expect(contract.violations('merchant', [{ event: 'MERCHANT_STATE', body: state }])).toEqual([]);
    const heard = nextEvent(socket, 'orders_stop_changed');
    const body = { ...place, stop, at: '2026-01-01T00:00:00.000Z' };
    await gateway.relay({ rooms: [ALL_MERCHANTS_ROOM], event: 'orders_stop_changed', body });
    expect(contract.violations('merchant', [{ event: 'orders_stop_changed', body: await heard }])).toEqual(
      [],
    );
    await acts.takeOrders(place, asked);
  });

  test('and was offline learns on reconnecting that nobody was found', async () => {
    const { socket, state } = await gateway.open(await merchantToken(), 'MERCHANT_STATE');
    expect(state.closed).toEqual([]);
    const missed = await addClosed('NO_DRIVER', 0);
    const again = nextEvent(socket, 'MERCHANT_STATE');
    socket.io.engine.close();
    expect(ids((await again).closed)).toEqual([missed]);
  });
});

describe('a tracking token', () => {
  test('joins the room of its delivery and gets its state, also after a reconnect', async () => {
    const { world } = gateway;
    const [mine, other] = [await world.addDelivery({ status: 'OFFERED' }), await world.addDelivery()];
    const { socket, state } = await gateway.open(await trackingToken(mine), 'TRACKING_STATE');
    expect(state).toEqual({
      deliveryId: mine,
      sellerOrderId: mine,
      status: 'SEARCHING',
      reason: null,
      delayedSince: null,
      at: expect.any(String),
    });
    const heard: unknown[] = [];
    socket.onAny((_event, body: { deliveryId: string }) => void heard.push(body.deliveryId));
    const delayed = nextEvent(socket, 'delivery_delayed');
    for (const deliveryId of [other, mine])
      await gateway.relay({
        rooms: [`tracking:${deliveryId}`],
        event: 'delivery_delayed',
        body: { deliveryId, sellerOrderId: 'x', at: '2026-01-01T00:00:00.000Z' },
      });
    await delayed;
    expect(heard).toEqual([mine]);
    await world.db.delivery.update({
      where: { id: mine },
      data: { status: 'CANCELLED', reasonCode: 'NO_DRIVER', closedAt: new Date() },
    });
    const again = nextEvent(socket, 'TRACKING_STATE');
    socket.io.engine.close();
    expect(await again).toMatchObject({ status: 'CANCELLED', reason: 'NO_DRIVER' });
  });

  test('of the key before the present one is still taken, and of any other key is not', async () => {
    const deliveryId = await gateway.world.addDelivery();
    const issuer = (key: string) => createTrackingTokens({ key, previousKey: null, validMs: 1 });
    const inAnHour = Date.now() + 3_600_000;
    const old = await issuer('the-key-for-tracking-before-that-one-').issue(deliveryId, inAnHour);
    expect((await gateway.open(old, 'TRACKING_STATE')).state).toMatchObject({ deliveryId });
    const forged = await issuer('some-other-key-of-thirty-two-bytes-too').issue(deliveryId, inAnHour);
    const socket = gateway.socketWith(forged);
    const error = nextEvent<Error & { data?: { code: string } }>(socket, 'connect_error');
    socket.connect();
    expect((await error).data?.code).toBe('UNAUTHORIZED');
  });

  test('of a delivery that is gone is disconnected for good', async () => {
    const socket = gateway.socketWith(await trackingToken(newId()));
    const reason = nextEvent<string>(socket, 'disconnect');
    socket.connect();
    expect(await reason).toBe('io server disconnect');
  });
});

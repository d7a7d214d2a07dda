/** A connection is warned before its token ends, and goes on in place with a new one of the same subject. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { opsRoom } from '../../domain/notices/message';
import { isOriginAllowed } from '../../api/realtime/origins';
import { createGatewayWorld, type GatewayWorld, nextEvent, TRACKING } from '../support/gatewayWorld';

const ORIGIN = 'https://ops.example';

let gateway: GatewayWorld;
let strict: GatewayWorld;
beforeAll(async () => {
  gateway = await createGatewayWorld();
  strict = await createGatewayWorld({ origins: [ORIGIN], servesPolling: false });
});
afterAll(async () => {
  await gateway.close();
  await strict.close();
});
afterEach(() => {
  gateway.closeSockets();
  strict.closeSockets();
});

const opsClaims = (cities: string[] | '*' = '*') => ({ sub: 'olga', role: 'ops', cities });

describe('a connection whose token ends', () => {
  test('is warned before, and ends with it', async () => {
    const { socket } = await gateway.open(await gateway.tokenOf(opsClaims(), 2_000), 'OPS_STATE');
    const order: string[] = [];
    socket.onAny((event: string) => void order.push(event));
    const ended = nextEvent<string>(socket, 'disconnect');
    const warning = await nextEvent<{ expiresAt: string }>(socket, 'SESSION_EXPIRING');
    expect(Date.parse(warning.expiresAt)).toBeGreaterThan(Date.now());
    expect(await ended).toBe('io server disconnect');
    expect(order).toContain('SESSION_EXPIRING');
  });

  test('goes on in place with a new token of the same subject', async () => {
    const { socket } = await gateway.open(await gateway.tokenOf(opsClaims(), 2_000), 'OPS_STATE');
    const id = socket.id;
    const ended: string[] = [];
    socket.on('disconnect', (reason) => void ended.push(reason));
    await nextEvent(socket, 'SESSION_EXPIRING');
    const reply = (await socket.emitWithAck('SESSION_REFRESH', {
      token: await gateway.tokenOf(opsClaims(), 6_000),
    })) as { expiresAt: string };
    expect(reply).toMatchObject({ refreshed: true, code: null });
    expect(await nextEvent(socket, 'SESSION_EXPIRING')).toEqual({ expiresAt: reply.expiresAt });
    // By now the first token has ended.
    expect(await socket.emitWithAck('SESSION_REFRESH', { token: 'nonsense' })).toEqual({
      refreshed: false,
      expiresAt: null,
      code: 'UNAUTHORIZED',
    });
    expect([ended, socket.id]).toEqual([[], id]);
  });

  test('gets the rooms of its new token, and loses those that it no longer covers', async () => {
    const { socket } = await gateway.open(await gateway.tokenOf(opsClaims(['ams'])), 'OPS_STATE');
    const token = await gateway.tokenOf(opsClaims(['rtm']));
    expect(await socket.emitWithAck('SESSION_REFRESH', { token })).toMatchObject({ refreshed: true });
    const heard: string[] = [];
    socket.on('zone_health_changed', (body: { cityId: string }) => void heard.push(body.cityId));
    const done = nextEvent(socket, 'offer_created');
    const state = 'OK' as const;
    const computedAt = new Date().toISOString();
    for (const cityId of ['ams', 'rtm'])
      await gateway.relay({
        rooms: [opsRoom(cityId)],
        event: 'zone_health_changed',
        body: { cityId, zoneId: null, state, before: state, reasons: [], computedAt },
      });
    const ids = { offerId: newId(), deliveryId: newId(), driverId: newId() };
    await gateway.relay({
      rooms: [opsRoom('rtm')],
      event: 'offer_created',
      body: { ...ids, expiresAt: computedAt, kind: 'SINGLE' },
    });
    await done;
    expect(heard).toEqual(['rtm']);
  });
});

describe('SESSION_REFRESH is refused, and the connection goes on as it was,', () => {
  const asMerchant = (merchantId: string, sub = 'shop') => ({ sub, role: 'merchant', merchantId });

  test.each<[string, Record<string, unknown>]>([
    ['for another subject', asMerchant('bakery', 'other')],
    ['for another merchant of the same subject', asMerchant('butcher')],
    ['for another role of the same subject', { sub: 'shop', role: 'ops', cities: '*' }],
    ['for a customer of the same subject', { sub: 'shop', role: 'customer' }],
  ])('%s', async (_what, claims) => {
    const { socket } = await gateway.open(await gateway.tokenOf(asMerchant('bakery')), 'MERCHANT_STATE');
    const token = await gateway.tokenOf(claims);
    expect(await socket.emitWithAck('SESSION_REFRESH', { token })).toMatchObject({
      refreshed: false,
      code: 'OTHER_SUBJECT',
    });
    const news = nextEvent(socket, 'delivery_delayed');
    const body = { deliveryId: newId(), sellerOrderId: 'x', at: new Date().toISOString() };
    await gateway.relay({ rooms: ['merchant:bakery'], event: 'delivery_delayed', body });
    expect(await news).toEqual(body);
  });

  test('for the tracking token of another delivery', async () => {
    const { world } = gateway;
    const [mine, other] = [await world.addDelivery(), await world.addDelivery()];
    const inAnHour = Date.now() + 3_600_000;
    const { socket } = await gateway.open(await TRACKING.issue(mine, inAnHour), 'TRACKING_STATE');
    const refreshed = async (deliveryId: string): Promise<unknown> =>
      socket.emitWithAck('SESSION_REFRESH', { token: await TRACKING.issue(deliveryId, inAnHour + 1_000) });
    expect(await refreshed(other)).toMatchObject({ code: 'OTHER_SUBJECT' });
    expect(await refreshed(mine)).toMatchObject({ refreshed: true });
  });

  test.each([[null], [{}], [{ token: 7 }], [{ token: 'x', more: 1 }]])('for %j', async (body) => {
    const { socket } = await gateway.open(await gateway.tokenOf(opsClaims()), 'OPS_STATE');
    expect(await socket.emitWithAck('SESSION_REFRESH', body)).toMatchObject({ code: 'UNAUTHORIZED' });
  });
});

describe('with an allow-list of origins', () => {
  const connects = async (origin?: string): Promise<boolean> => {
    const token = await strict.tokenOf(opsClaims());
    const extraHeaders: Record<string, string> = origin === undefined ? {} : { Origin: origin };
    const socket = strict.socketWith(token, { extraHeaders, reconnection: false });
    const fate = Promise.race([
      nextEvent(socket, 'connect').then(() => true),
      nextEvent(socket, 'connect_error').then(() => false),
    ]);
    socket.connect();
    return fate;
  };

  test('a listed page connects, another does not, and apps do', async () => {
    expect(await connects(ORIGIN)).toBe(true);
    expect(await connects('https://evil.example')).toBe(false);
    expect(await connects(strict.url)).toBe(true);
    expect(await connects()).toBe(true);
  });

  test('an unlisted page of any kind is refused', () => {
    const from = (origin: string) => isOriginAllowed({ headers: { origin, host: 'api.example' } }, [ORIGIN]);
    expect(
      ['null', 'https://ops.example.evil.example', 'http://ops.example', `${ORIGIN}:8443`].map(from),
    ).toEqual([false, false, false, false]);
    expect(from('https://api.example')).toBe(true);
  });
});

describe('long polling', () => {
  const connectsBy = async (at: GatewayWorld): Promise<boolean> => {
    const socket = at.socketWith(await at.tokenOf(opsClaims()), {
      transports: ['polling'],
      reconnection: false,
    });
    const fate = Promise.race([
      nextEvent(socket, 'connect').then(() => true),
      nextEvent(socket, 'connect_error').then(() => false),
    ]);
    socket.connect();
    return fate;
  };

  test('is served to old clients, unless it is switched off', async () => {
    expect(await connectsBy(gateway)).toBe(true);
    expect(await connectsBy(strict)).toBe(false);
  });
});

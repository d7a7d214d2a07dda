/** Web push subscriptions: their owner, their number, and the endpoints that are accepted. */
import { createECDH, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import {
  type ApiWorld,
  type Client,
  createApiWorld,
  driver,
  merchant,
  ops,
  PUSH_KEY,
} from '../support/apiWorld';
import { eventually } from '../support/eventually';

let world: ApiWorld;
const push = { publicKey: PUSH_KEY as string | null, allowLocal: false };
beforeAll(async () => {
  world = await createApiWorld(() => ({ push }));
});
afterAll(() => world.close());

const keys = (): { p256dh: string; auth: string } => ({
  p256dh: createECDH('prime256v1').generateKeys('base64url'),
  auth: randomBytes(16).toString('base64url'),
});
const service = (name: string): string => `https://push.service.com/wpush/v2/${name}`;
const endpointsOf = async (driverId: string): Promise<string[]> =>
  (
    await world.db.pushSubscription.findMany({
      where: { driverId },
      orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
    })
  ).map(({ endpoint }) => endpoint);

async function someone(): Promise<{
  driverId: string;
  me: Client;
  put: (endpoint: string, more?: object) => ReturnType<Client['put']>;
  remove: (endpoint: string) => ReturnType<Client['post']>;
}> {
  const driverId = await world.addDriver();
  const me = world.as(driver(driverId));
  return {
    driverId,
    me,
    put: (endpoint, more = {}) =>
      me.put(`/v2/drivers/${driverId}/push-subscription`, { endpoint, keys: keys(), ...more }),
    remove: (endpoint) => me.post(`/v2/drivers/${driverId}/push-subscription/remove`, { endpoint }),
  };
}

describe('a push subscription', () => {
  it('is stored as given, and a repeat replaces it', async () => {
    const { driverId, put } = await someone();
    const [first, second] = [keys(), keys()];
    expect((await put(service('one'), { keys: first }).expect(200)).body).toEqual({ subscriptions: 1 });
    expect(await world.db.pushSubscription.findMany({ where: { driverId } })).toEqual([
      expect.objectContaining({ endpoint: service('one'), ...first }),
    ]);
    expect((await put(service('one'), { keys: second }).expect(200)).body).toEqual({ subscriptions: 1 });
    expect(await world.db.pushSubscription.findMany({ where: { driverId } })).toEqual([
      expect.objectContaining({ endpoint: service('one'), ...second }),
    ]);
  });

  it('of a sixth browser replaces the oldest, also for concurrent requests', async () => {
    const { driverId, put } = await someone();
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await put(service(`${driverId}/${name}`)).expect(200);
    expect(await endpointsOf(driverId)).toEqual(
      ['b', 'c', 'd', 'e', 'f'].map((name) => service(`${driverId}/${name}`)),
    );
    await Promise.all(['g', 'h', 'i', 'j'].map((name) => put(service(`${driverId}/${name}`)).expect(200)));
    expect(await endpointsOf(driverId)).toHaveLength(5);
  });

  it('belongs to the driver who subscribed last in that browser', async () => {
    const [before, after] = [await someone(), await someone()];
    await before.put(service('shared')).expect(200);
    await after.put(service('shared')).expect(200);
    expect([await endpointsOf(before.driverId), await endpointsOf(after.driverId)]).toEqual([
      [],
      [service('shared')],
    ]);
  });

  it('taken over by another driver is not removed by the limit of the first', async () => {
    const [before, after] = [await someone(), await someone()];
    for (const name of ['a', 'b', 'c', 'd', 'e'])
      await before.put(service(`${before.driverId}/${name}`)).expect(200);
    const oldest = service(`${before.driverId}/a`);
    let sixth: Promise<{ body: unknown }> | undefined;
    await world.db.$transaction(async (tx) => {
      await tx.pushSubscription.update({ where: { endpoint: oldest }, data: { driverId: after.driverId } });
      sixth = before
        .put(service(`${before.driverId}/f`))
        .expect(200)
        .then(({ body }) => ({ body }));
      await eventually(
        'the sixth waits for it',
        async () =>
          (
            await world.db.$queryRaw<
              object[]
            >`SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'
        AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())`
          ).length > 0,
      );
    });
    await sixth;
    expect(await endpointsOf(after.driverId)).toEqual([oldest]);
    expect(await endpointsOf(before.driverId)).toHaveLength(5);
  });

  it('is removed only by its driver, and a repeat changes nothing', async () => {
    const [owner, other] = [await someone(), await someone()];
    await owner.put(service('mine')).expect(200);
    expect((await other.remove(service('mine')).expect(200)).body).toEqual({ subscriptions: 0 });
    expect(await endpointsOf(owner.driverId)).toHaveLength(1);
    expect((await owner.remove(service('mine')).expect(200)).body).toEqual({ subscriptions: 0 });
    expect((await owner.remove(service('mine')).expect(200)).body).toEqual({ subscriptions: 0 });
    expect(await endpointsOf(owner.driverId)).toEqual([]);
  });

  it('of another driver returns 404, also to other roles', async () => {
    const [{ driverId }, stranger] = [await someone(), world.as(driver(newId()))];
    const body = { endpoint: service('x'), keys: keys() };
    for (const client of [world.as(driver(await world.addDriver())), stranger]) {
      await client.put(`/v2/drivers/${driverId}/push-subscription`, body).expect(404);
      await client
        .post(`/v2/drivers/${driverId}/push-subscription/remove`, { endpoint: body.endpoint })
        .expect(404);
    }
    await world.as(ops()).put(`/v2/drivers/${driverId}/push-subscription`, body).expect(403);
    await world.as(merchant('bakery')).put(`/v2/drivers/${driverId}/push-subscription`, body).expect(403);
    expect(await endpointsOf(driverId)).toEqual([]);
  });

  it('of an unregistered driver is refused', async () => {
    const driverId = newId();
    await world
      .as(driver(driverId))
      .put(`/v2/drivers/${driverId}/push-subscription`, { endpoint: service('x'), keys: keys() })
      .expect(404);
  });
});

describe('a subscription is refused', () => {
  it.each(
    [
      'http://push.service.com/x',
      'ftp://push.service.com/x',
      'no address',
      'https://user:word@push.service.com/x',
      'https://push.service.com:8443/x',
      'https://127.0.0.1/x',
      'https://2130706433/x',
      'https://0x7f.1/x',
      'https://[::1]/x',
      'https://[fd00::1]/x',
      'https://10.0.0.1/x',
      'https://169.254.169.254/latest/meta-data',
      'https://localhost/x',
      'https://localhost./x',
      'https://redis/x',
      'https://redis.internal/x',
      'https://printer.local/x',
      'https://x.svc.cluster.local/x',
      'https://api.localhost/x',
      'http://127.0.0.1:6379/x',
      `https://push.service.com/${'x'.repeat(2_000)}`,
      'https://push.service.com/\u0000',
    ].map((endpoint) => [JSON.stringify(endpoint.slice(0, 60)), endpoint]),
  )('with the endpoint %s', async (_shown, endpoint) => {
    const { driverId, put } = await someone();
    const { body } = await put(endpoint).expect(400);
    expect(body).toMatchObject({ code: 'INVALID_REQUEST', errors: [{ path: 'endpoint' }] });
    expect(await endpointsOf(driverId)).toEqual([]);
  });

  it.each([
    ['a key that is not a point of the curve', { keys: { ...keys(), p256dh: `B${'A'.repeat(86)}` } }],
    ['a key that is too short', { keys: { ...keys(), p256dh: 'BAAA' } }],
    ['a secret that is too long', { keys: { ...keys(), auth: 'A'.repeat(23) } }],
    ['no keys', { keys: undefined }],
    ['an unknown field', { expirationTime: null }],
  ])('with %s', async (_what, more) => {
    const { put } = await someone();
    expect((await put(service('x'), more).expect(400)).body.code).toBe('INVALID_REQUEST');
  });
});

describe('the local host', () => {
  it('is allowed by the setting, but other private addresses are not', async () => {
    const { put } = await someone();
    push.allowLocal = true;
    await put('http://127.0.0.1:4567/x').expect(200);
    await put('http://localhost:4567/x').expect(200);
    await put('http://10.0.0.1/x').expect(400);
    await put('ftp://127.0.0.1/x').expect(400);
    push.allowLocal = false;
    await put('http://127.0.0.1:4567/x').expect(400);
  });
});

describe('the public key', () => {
  it('is readable by drivers', async () => {
    const { me } = await someone();
    expect((await me.get('/v2/push-key').expect(200)).body).toEqual({ publicKey: PUSH_KEY });
    await world.as(merchant('bakery')).get('/v2/push-key').expect(403);
  });

  it('is absent while push is off; nothing is stored then, but subscriptions can be removed', async () => {
    const { me, put, remove } = await someone();
    await put(service('before')).expect(200);
    push.publicKey = null;
    expect((await me.get('/v2/push-key').expect(404)).body.code).toBe('PUSH_OFF');
    expect((await put(service('x')).expect(404)).body.code).toBe('PUSH_OFF');
    await remove(service('before')).expect(200);
    push.publicKey = PUSH_KEY;
  });
});

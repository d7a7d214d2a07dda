/** Configuration changes with an entry: who, what, from, to. Its chains are checked like all others. */
import { createECDH, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { createAuditChains } from '../../adapters/postgres/auditChains';
import { createAuditCheck } from '../../activities/sweeps/auditCheck';
import { type ApiWorld, createApiWorld, driver, ops } from '../support/apiWorld';
import { auditProblems } from '../support/auditTrail';
import { connectForger } from '../support/database';

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
});
afterAll(() => world.close());

type Shown = { kind: string; actor: object; cityId: string; detail: { id: string; changes: object } };

const CITY = { name: 'Delft', timezone: 'Europe/Amsterdam', currency: 'EUR', center: { lat: 52, lng: 4.36 } };
const areaOf = (points: number) => {
  const at = (index: number): [number, number] => {
    const angle = (2 * Math.PI * (index % points)) / points;
    return [4.36 + 0.01 * Math.cos(angle), 52 + 0.01 * Math.sin(angle)];
  };
  return { type: 'Polygon', coordinates: [Array.from({ length: points + 1 }, (_, index) => at(index))] };
};
const entriesOf = async (chain: string): Promise<Shown[]> =>
  (await world.db.auditEntry.findMany({ where: { chain }, orderBy: { at: 'asc' } })).map((row) => ({
    kind: row.kind,
    actor: { kind: row.actorKind, id: row.actorId },
    cityId: row.cityId,
    detail: row.detail as Shown['detail'],
  }));
const OLGA = { kind: 'ops', id: 'olga' };

describe('a change of configuration', () => {
  it('of a city says who, what, from and to; a repeat says nothing', async () => {
    const id = newId();
    await world.as(ops('*')).put(`/v2/cities/${id}`, CITY).expect(201);
    await world.as(ops('*')).put(`/v2/cities/${id}`, CITY).expect(200);
    await world
      .as(ops([id]))
      .put(`/v2/cities/${id}`, { ...CITY, name: 'New Delft' })
      .expect(200);
    await world
      .as(ops('*'))
      .put(`/v2/cities/${id}`, { ...CITY, currency: 'USD' })
      .expect(409);
    const [made, changed, ...rest] = await entriesOf(`city/${id}`);
    expect(made).toMatchObject({ kind: 'city_created', actor: OLGA, cityId: id });
    expect(made?.detail.changes).toMatchObject({
      name: { from: null, to: 'Delft' },
      currency: { from: null, to: 'EUR' },
      centerLat: { from: null, to: 52 },
    });
    expect(changed).toEqual({
      kind: 'city_changed',
      actor: OLGA,
      cityId: id,
      detail: { id, changes: { name: { from: 'Delft', to: 'New Delft' } } },
    });
    expect(rest).toEqual([]);
  });

  it('of a zone is in the chain of its city, a large area by its digest', async () => {
    const id = newId();
    await world.as(ops('*')).put(`/v2/cities/${id}`, CITY).expect(201);
    const zone = (points: number) => ({ name: 'Centre', area: areaOf(points) });
    await world.as(ops('*')).put(`/v2/cities/${id}/zones/z-${id}`, zone(4)).expect(201);
    await world.as(ops('*')).put(`/v2/cities/${id}/zones/z-${id}`, zone(400)).expect(200);
    const [, made, changed] = await entriesOf(`city/${id}`);
    expect(made).toMatchObject({ kind: 'zone_created', detail: { id: `z-${id}` } });
    expect(changed).toMatchObject({
      kind: 'zone_changed',
      detail: {
        changes: {
          polygon: { from: areaOf(4), to: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) } },
        },
      },
    });
  });

  it('of a merchant is seen by ops of all cities, and by no others', async () => {
    const merchantId = newId();
    await world.as(ops('*')).post('/v2/merchants', { merchantId, name: 'Shop' }).expect(201);
    await world.as(ops('*')).post('/v2/merchants', { merchantId, name: 'Shop' }).expect(200);
    expect(await entriesOf(`merchant/${merchantId}`)).toEqual([
      {
        kind: 'merchant_created',
        actor: OLGA,
        cityId: '*',
        detail: { id: merchantId, changes: { name: { from: null, to: 'Shop' } } },
      },
    ]);
    const seen = async (cities: string[] | '*', query: string): Promise<string[]> => {
      const { body } = await world.as(ops(cities)).get(`/v2/ops/audit?${query}`).expect(200);
      return (body as { entries: { chain: string }[] }).entries.map(({ chain }) => chain);
    };
    expect(await seen('*', 'kind=merchant_created')).toContain(`merchant/${merchantId}`);
    expect(await seen('*', 'limit=100')).toContain(`merchant/${merchantId}`);
    expect(await seen(['testville'], 'kind=merchant_created')).toEqual([]);
    expect(await seen(['testville'], 'limit=100')).not.toContain(`merchant/${merchantId}`);
  });

  it('of a feature says from and to', async () => {
    const put = (percent: number) =>
      world
        .as(ops('*'))
        .put('/v2/ops/features/driver_offers', {
          enabled: true,
          percent,
          cities: null,
          plan: null,
          why: 'more drivers',
        })
        .expect(200);
    await put(10);
    await put(10);
    await put(20);
    const changes = (await entriesOf('feature/driver_offers')).map(({ detail }) => detail.changes);
    expect(changes).toEqual([
      { enabled: { from: null, to: true }, percent: { from: null, to: 10 } },
      { percent: { from: 10, to: 20 } },
    ]);
  });

  it('of a driver’s push subscription names the service, not the secret address', async () => {
    const driverId = await world.addDriver();
    const keys = {
      p256dh: createECDH('prime256v1').generateKeys('base64url'),
      auth: randomBytes(16).toString('base64url'),
    };
    const endpoint = `https://push.service.com/secret-${driverId}`;
    const path = `/v2/drivers/${driverId}/push-subscription`;
    await world.as(driver(driverId)).put(path, { endpoint, keys }).expect(200);
    await world.as(driver(driverId)).put(path, { endpoint, keys }).expect(200);
    await world.as(driver(driverId)).post(`${path}/remove`, { endpoint }).expect(200);
    await world.as(driver(driverId)).post(`${path}/remove`, { endpoint }).expect(200);
    const entries = await entriesOf(`driver/${driverId}`);
    expect(entries.map(({ kind, actor, detail }) => [kind, actor, detail])).toEqual([
      ['push_subscribed', { kind: 'driver', id: driverId }, { service: 'push.service.com' }],
      ['push_unsubscribed', { kind: 'driver', id: driverId }, { service: 'push.service.com' }],
    ]);
  });

  it('made by many at once is one chain', async () => {
    const id = newId();
    await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        world
          .as(ops('*'))
          .put(`/v2/cities/${id}`, { ...CITY, name: `Name ${index}` })
          .expect((response) => expect([200, 201]).toContain(response.status)),
      ),
    );
    const entries = await entriesOf(`city/${id}`);
    expect(entries.filter(({ kind }) => kind === 'city_created')).toHaveLength(1);
    expect(entries).toHaveLength(8);
    expect(await auditProblems(world.db)).toEqual([]);
  });

  it('that somebody forges or removes is found by the daily check', async () => {
    const [forged, removed] = [newId(), newId()];
    for (const id of [forged, removed]) await world.as(ops('*')).put(`/v2/cities/${id}`, CITY).expect(201);
    const forger = await connectForger(world);
    await forger.query(`UPDATE audit_entries SET actor_id = 'nobody' WHERE chain = $1`, [`city/${forged}`]);
    await forger.query(`DELETE FROM audit_entries WHERE chain = $1`, [`city/${removed}`]);
    await forger.end();
    const problems: { chain: string; kind: string }[] = [];
    await createAuditCheck({
      chains: createAuditChains(world.db),
      clock: Date.now,
      beat: () => {},
      resumeFrom: () => undefined,
      onReport: ({ named }) => void problems.push(...named),
    })();
    const found = new Map(problems.map(({ chain, kind }) => [chain, kind]));
    expect(found.get(`city/${forged}`)).toBe('CONTENT_DIFFERS');
    expect(found.get(`city/${removed}`)).toBe('NO_ENTRIES');
  });
});

import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { createAdminApp } from '../../api/app';
import { type ApiWorld, createApiWorld, ops } from '../support/apiWorld';

let world: ApiWorld;
let admin: Server;
beforeAll(async () => {
  world = await createApiWorld(({ settings }) => ({
    settings: { ...settings, api: { ...settings.api, admin: { host: '127.0.0.1', port: 0 } } },
  }));
  admin = createServer(createAdminApp(world.apiDeps));
  await new Promise<void>((resolve) => admin.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await new Promise((resolve) => admin.close(resolve));
  await world.close();
});

const DETAILS = ['/metrics', '/docs', '/docs/events', '/openapi.json', '/asyncapi.json'];

describe('with an admin port', () => {
  it.each(DETAILS)('%s is on that port alone', async (path) => {
    await request(admin).get(path).expect(200);
    await world.as().get(path).expect(404);
  });

  it('callers learn whether the API is ready, and nothing of what it depends on', async () => {
    expect((await world.as().get('/health').expect(200)).body).toEqual({ status: 'live' });
    expect((await world.as().get('/health/ready').expect(200)).body).toEqual({ status: 'ready' });
    expect((await request(admin).get('/health/ready').expect(200)).body).toMatchObject({
      status: 'ready',
      dependencies: { postgres: { state: 'up' }, redis: { state: 'up' } },
      features: { driver_offers: { state: 'ON' } },
    });
  });

  it('the API is not on the admin port', async () => {
    await world.as(ops()).get('/v2/ops/escalations').expect(200);
    await request(admin).get('/v2/ops/escalations').expect(404);
  });
});

describe('without an admin port', () => {
  it('all is on one port', async () => {
    const plain = await createApiWorld();
    for (const path of DETAILS) await plain.as().get(path).expect(200);
    await plain.close();
  });
});

/** The codec endpoint: ops read encrypted payloads in the Temporal UI, and nobody else does. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import request from 'supertest';
import { createPayloadCodec, createPayloadReader } from '../../adapters/temporal/payloadCodec';
import { type ApiWorld, createApiWorld, driver, merchant, ops, tokenOf } from '../support/apiWorld';

const UI = 'https://temporal.example.com';
const PATH = '/v2/ops/temporal-codec/decode';
const KEYS = { keys: new Map([['a', new Uint8Array(randomBytes(32))]]), encryptWith: 'a' };
const ACT = { why: 'Mrs Smith is at the door', by: { kind: 'ops', id: 'olga' } };

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld(() => ({
    payloads: { read: createPayloadReader(KEYS), uiOrigin: UI, isEncrypting: true },
  }));
});
afterAll(() => world.close());

type Wire = { metadata: Record<string, string>; data: string };
const base64 = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('base64');

/** As the Temporal UI sends it: Protobuf's JSON, bytes in base64. */
function wire({ metadata, data }: Payload): Wire {
  const named = Object.entries(metadata ?? {}).map(([name, bytes]) => [name, base64(bytes)]);
  return { metadata: Object.fromEntries(named) as Record<string, string>, data: base64(data) };
}

async function encrypted(value: unknown): Promise<Wire> {
  const [payload] = await createPayloadCodec(KEYS).encode([defaultPayloadConverter.toPayload(value)]);
  return wire(payload ?? {});
}

describe('the codec endpoint', () => {
  it('decrypts for ops of all cities what the Temporal UI sends', async () => {
    const summary = wire(defaultPayloadConverter.toPayload('a summary'));
    const payloads = [await encrypted(ACT), { ...summary, externalPayloads: [] }, {}];
    const { body } = await world.as(ops('*')).post(PATH, { payloads }).expect(200);
    const [first, second, third] = body.payloads as Wire[];
    expect(JSON.parse(Buffer.from(first?.data ?? '', 'base64').toString())).toEqual(ACT);
    expect(Buffer.from(first?.metadata.encoding ?? '', 'base64').toString()).toBe('json/plain');
    expect(second).toEqual(summary);
    expect(third).toEqual({ metadata: {}, data: '' });
  });

  it('leaves as it is what it cannot decrypt', async () => {
    const payload = await encrypted(ACT);
    const altered = { ...payload, data: base64(randomBytes(60)) };
    const { body } = await world
      .as(ops('*'))
      .post(PATH, { payloads: [altered, payload] })
      .expect(200);
    expect(body.payloads[0]).toEqual(altered);
    expect(body.payloads[1]).not.toEqual(payload);
  });

  it('refuses everybody else', async () => {
    const body = { payloads: [await encrypted(ACT)] };
    await world.as().post(PATH, body).expect(401);
    await world
      .as(driver(await world.addDriver()))
      .post(PATH, body)
      .expect(403);
    await world.as(merchant('bakery')).post(PATH, body).expect(403);
    await world
      .as(ops(['testville']))
      .post(PATH, body)
      .expect(403);
    await world.as(ops('*')).post('/v2/ops/temporal-codec/encode', body).expect(404);
    await world
      .as(ops('*'))
      .post(PATH, { payloads: [{ data: 'no base64!' }] })
      .expect(400);
  });

  it('lets only the pages of the Temporal UI call it', async () => {
    const preflight = (origin: string) =>
      request(world.url).options(PATH).set('origin', origin).set('access-control-request-method', 'POST');
    const allowed = await preflight(UI).expect(204);
    expect(allowed.headers).toMatchObject({
      'access-control-allow-origin': UI,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'authorization, content-type, x-namespace',
      vary: expect.stringContaining('Origin'),
    });
    expect(allowed.headers['access-control-allow-credentials']).toBeUndefined();
    const answer = await request(world.url)
      .post(PATH)
      .set({ origin: UI, authorization: `Bearer ${tokenOf(ops('*'))}`, 'x-namespace': 'default' })
      .send({ payloads: [] })
      .expect(200);
    expect(answer.headers['access-control-allow-origin']).toBe(UI);
    for (const origin of ['https://evil.example.com', 'null', `${UI}.evil.com`]) {
      const refused = await preflight(origin);
      expect(refused.status).toBe(204);
      expect(refused.headers['access-control-allow-origin']).toBeUndefined();
    }
    const elsewhere = await request(world.url).options('/v2/cities').set('origin', UI);
    expect(elsewhere.headers['access-control-allow-origin']).toBeUndefined();
  });
});

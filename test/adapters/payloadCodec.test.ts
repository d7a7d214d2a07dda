/** What Temporal stores of personal content: nothing that anybody without a key can read. */
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { defaultPayloadConverter, type Payload, type SerializationContext } from '@temporalio/common';
import {
  createPayloadCodec,
  createPayloadReader,
  dataConverterOf,
} from '../../adapters/temporal/payloadCodec';

const key = (): Uint8Array => new Uint8Array(randomBytes(32));
const [A, B] = [key(), key()];
const keys = new Map([
  ['a', A],
  ['b', B],
]);
const OPS = { kind: 'ops', id: 'olga@example.com' };
const ACT = { by: OPS, why: 'Mrs Smith is at the door', bonusCents: 100 };
const HERE: SerializationContext = { type: 'workflow', namespace: 'default', workflowId: 'delivery/shop/1' };

const plain = (value: unknown): Payload => defaultPayloadConverter.toPayload(value);
const valueOf = (payload: Payload | undefined): unknown =>
  defaultPayloadConverter.fromPayload(payload ?? { metadata: {}, data: new Uint8Array() });
const textOf = ({ metadata, data }: Payload): string =>
  [...Object.values(metadata ?? {}), data ?? new Uint8Array()].map((each) => Buffer.from(each)).join(' ');

async function encrypted(value: unknown, context = HERE, encryptWith: string | null = 'a'): Promise<Payload> {
  const [payload] = await createPayloadCodec({ keys, encryptWith }).encode([plain(value)], context);
  return payload ?? {};
}

describe('the payload codec', () => {
  test.each([
    ['a reason', { why: 'Mrs Smith is at the door' }],
    ['who of ops acts', { by: OPS }],
    ['a customer', { actor: { kind: 'customer', id: 'carl' } }],
    ['a note, deep inside', { a: [{ b: { note: 'call her' } }] }],
    ['a contact', { contactName: 'Zoë', contactPhone: '+31201234567' }],
    ['an address', { meeting: { address: 'Prinsengracht 1' } }],
  ])('encrypts %s', async (_name, value) => {
    const payload = await encrypted(value);
    for (const word of ['Smith', 'olga', 'carl', 'call her', 'Zoë', '+3120', 'Prinsengracht'])
      expect(textOf(payload)).not.toContain(word);
    const [read] = await createPayloadCodec({ keys, encryptWith: null }).decode([payload], HERE);
    expect(valueOf(read)).toEqual(value);
  });

  test.each([
    ['a summary', 'the search waits for ops, because of a note'],
    ['an order by its ids', { deliveryId: 'd', correlationId: 'c' }],
    ['a step of a driver', { by: { kind: 'driver', id: '019a' }, step: 'pickUp' }],
    ['the names of handlers', { definition: { signalDefinitions: [{ name: 'driverLeft' }] } }],
    ['an absent reason', { why: null, note: '' }],
    ['nothing', undefined],
    ['bytes', new Uint8Array([1, 2, 3])],
  ])('leaves %s readable', async (_name, value) => {
    expect(await encrypted(value)).toEqual(plain(value));
  });

  test('makes another text of the same act each time', async () => {
    expect(textOf(await encrypted(ACT))).not.toBe(textOf(await encrypted(ACT)));
  });

  test('reads what was encrypted under an older key, and what never was', async () => {
    const codec = createPayloadCodec({ keys, encryptWith: 'b' });
    const read = await codec.decode(
      [await encrypted(ACT), plain(ACT), await encrypted(ACT, HERE, 'b')],
      HERE,
    );
    expect(read.map(valueOf)).toEqual([ACT, ACT, ACT]);
  });

  test('encrypts nothing while no key is named, and is not there without keys', async () => {
    expect(await encrypted(ACT, HERE, null)).toEqual(plain(ACT));
    expect(dataConverterOf({ keys: new Map(), encryptWith: null })).toEqual({});
  });

  test('refuses a payload without its key, an altered one, and one of another workflow', async () => {
    const codec = createPayloadCodec({ keys: new Map([['b', B]]), encryptWith: 'b' });
    const payload = await encrypted(ACT);
    await expect(codec.decode([payload], HERE)).rejects.toThrow('"a" is not in TEMPORAL_PAYLOAD_KEYS');
    const both = createPayloadCodec({ keys, encryptWith: 'a' });
    for (const at of [0, 20, (payload.data?.length ?? 0) - 1]) {
      const data = Buffer.from(payload.data ?? []);
      data[at] = (data[at] ?? 0) ^ 1;
      await expect(both.decode([{ ...payload, data }], HERE)).rejects.toThrow('was altered');
    }
    const elsewhere = { ...HERE, workflowId: 'delivery/shop/2' };
    await expect(both.decode([payload], elsewhere)).rejects.toThrow('was moved to delivery/shop/2');
    const renamed = { ...payload.metadata, 'encryption-workflow-id': Buffer.from('delivery/shop/2') };
    await expect(both.decode([{ ...payload, metadata: renamed }], elsewhere)).rejects.toThrow('was altered');
    await expect(both.decode([{ ...payload, data: Buffer.alloc(12) }], HERE)).rejects.toThrow('cut short');
  });

  test('shows people what it can, and the rest as it is', async () => {
    const read = createPayloadReader({ keys: new Map([['b', B]]), encryptWith: null });
    const [lost, found] = [await encrypted(ACT), await encrypted(ACT, HERE, 'b')];
    const [first, second, third] = await read([lost, found, plain('a summary')]);
    expect(first).toEqual(lost);
    expect(valueOf(second)).toEqual(ACT);
    expect(valueOf(third)).toBe('a summary');
  });
});

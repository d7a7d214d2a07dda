import { z } from 'zod';
import type { ApiDeps } from '../deps';
import { type Endpoint, NOTHING, post } from '../http/endpoint';
import { Problem } from '../http/problems';

/** The path of the codec endpoint without the verb that Temporal's tools add. */
export const CODEC_PATH = '/v2/ops/temporal-codec';

/** A payload in Protobuf's JSON: bytes in base64. The tools may add fields that we do not know. */
const payload = z
  .looseObject({
    metadata: z.record(z.string().max(100), z.base64().max(10_000)).optional(),
    data: z.base64().max(100_000).optional(),
  })
  .meta({ id: 'TemporalPayload' });
const payloads = z
  .looseObject({ payloads: z.array(payload).max(1_000) })
  .meta({ id: 'TemporalPayloads', description: 'As Temporal’s UI and CLI send and expect them' });
type WirePayload = z.output<typeof payload>;

/**
 * Shows ops in the Temporal UI what is encrypted in histories. There is no way to encrypt: nobody but the
 * service puts acts into a workflow.
 */
export function temporalCodecEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    post({
      path: `${CODEC_PATH}/decode`,
      tag: 'temporal',
      summary: 'Decrypt payloads for the Temporal UI',
      roles: ['ops'],
      params: NOTHING,
      body: payloads,
      replies: {
        200: {
          description: 'The same payloads, those readable that this process has the key of',
          schema: payloads,
        },
      },
      handle: async ({ body, caller }) => {
        if (caller.role !== 'ops' || caller.cities !== 'all')
          throw new Problem('FORBIDDEN', 'payloads belong to no city: only ops of all cities may read them');
        const readable = await deps.payloads.read(body.payloads.map(fromWire));
        return { status: 200, body: { payloads: readable.map(toWire) } };
      },
    }),
  ];
}

type Payload = Parameters<ApiDeps['payloads']['read']>[0][number];

function fromWire({ metadata = {}, data = '' }: WirePayload): Payload {
  const entries = Object.entries(metadata).map(
    ([name, text]) => [name, Buffer.from(text, 'base64')] as const,
  );
  return { metadata: Object.fromEntries(entries), data: Buffer.from(data, 'base64') };
}

function toWire({ metadata, data }: Payload): WirePayload {
  const entries = Object.entries(metadata ?? {}).map(([name, bytes]) => [name, base64(bytes)] as const);
  return { metadata: Object.fromEntries(entries), data: base64(data ?? new Uint8Array()) };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

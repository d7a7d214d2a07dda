import { z } from 'zod';
import type { ErasureRequest } from '../../domain/privacy/erasure';
import type { Erasure } from '../../services/erasures';
import { actorOf, type Caller } from '../auth/caller';
import type { ApiDeps } from '../deps';
import { type Call, type Endpoint, get, NOTHING, post, type Reply } from '../http/endpoint';
import { instantText, iso, line, uuid } from '../http/fields';
import { Problem } from '../http/problems';

const customer = z
  .strictObject({
    phone: line(64).nullable().default(null).meta({ description: 'As a shop may have given it' }),
    name: line(200).nullable().default(null),
  })
  .refine(({ phone, name }) => phone !== null || name !== null, 'must have a phone or a name')
  .meta({ description: 'Stops with this phone, or this name; with both, where both are given' });
const newErasure = z
  .strictObject({
    customer: customer.nullable().default(null),
    driverId: uuid.nullable().default(null),
  })
  .refine(
    (body) => (body.customer === null) !== (body.driverId === null),
    'must have either a customer or a driverId',
  )
  .meta({ id: 'NewErasure' });

const erasureView = z
  .strictObject({
    erasureId: z.uuid(),
    kind: z.enum(['CUSTOMER', 'DRIVER']),
    state: z.enum(['RUNNING', 'WAITING', 'DONE']).meta({
      description: 'WAITING: everything is found; open deliveries are erased once they end',
    }),
    deliveriesFound: z.int(),
    deliveriesLeft: z.int().meta({ description: 'Of those found, not erased yet' }),
    requestedBy: z.string(),
    requestedAt: instantText,
    finishedAt: instantText.nullable(),
  })
  .meta({ id: 'Erasure' });

const byId = z.strictObject({ id: uuid });
const common = { tag: 'privacy', roles: ['ops'] } as const;

/** Erasure of a person on request (docs/privacy.md#erasure). */
export function erasureEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    post({
      ...common,
      path: '/v2/ops/erasures',
      summary: 'Erase what is known of a customer or a driver',
      params: NOTHING,
      body: newErasure,
      replies: { 202: { description: 'Begun; small ones are done already', schema: erasureView } },
      refusals: ['NOT_FOUND', 'DRIVER_AT_WORK', 'PHONE_TOO_SHORT'],
      handle: (call) => begin(deps, call),
    }),
    get({
      ...common,
      path: '/v2/ops/erasures/:id',
      summary: 'Read how far an erasure has come',
      params: byId,
      query: NOTHING,
      replies: { 200: { description: 'The erasure, which names nobody', schema: erasureView } },
      handle: async ({ caller, params }) => {
        const erasure = await deps.erasures.read(params.id, citiesOf(caller));
        if (!erasure) throw new Problem('NOT_FOUND', 'there is no such erasure');
        return { status: 200, body: showErasure(erasure) };
      },
    }),
  ];
}

function citiesOf(caller: Caller): readonly string[] | null {
  return caller.role === 'ops' && caller.cities !== 'all' ? caller.cities : null;
}

async function begin(
  { erasures }: ApiDeps,
  { body, caller, correlationId }: Call<unknown, unknown, z.output<typeof newErasure>>,
): Promise<Reply> {
  const request = requestOf(body);
  const cities = citiesOf(caller);
  const answer = await erasures.begin(request, { actor: actorOf(caller), cities, correlationId });
  if (answer.outcome === 'begun') {
    const { erasure } = answer;
    const headers = { Location: `/v2/ops/erasures/${erasure.erasureId}` };
    return { status: 202, headers, body: showErasure(erasure) };
  }
  switch (answer.code) {
    case 'NOT_FOUND':
      throw new Problem('NOT_FOUND', 'there is no such driver');
    case 'DRIVER_AT_WORK':
      throw new Problem('DRIVER_AT_WORK', 'the driver must be off duty, without offers and deliveries');
    case 'PHONE_TOO_SHORT':
      throw new Problem('PHONE_TOO_SHORT', 'a phone of so few digits could be anybody’s');
  }
}

function requestOf({ customer: asked, driverId }: z.output<typeof newErasure>): ErasureRequest {
  if (driverId !== null) return { kind: 'DRIVER', driverId };
  return { kind: 'CUSTOMER', phone: asked?.phone ?? null, name: asked?.name ?? null };
}

function showErasure(erasure: Erasure): z.output<typeof erasureView> {
  const { erasureId, kind, state, found, open, byId: requestedBy, createdAt, finishedAt } = erasure;
  return {
    erasureId,
    kind,
    state,
    deliveriesFound: found,
    deliveriesLeft: open,
    requestedBy,
    requestedAt: iso(createdAt),
    finishedAt: iso(finishedAt),
  };
}

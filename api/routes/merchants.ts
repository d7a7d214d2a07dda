import { z } from 'zod';
import { coversAnyCity } from '../auth/caller';
import { actorOf } from '../auth/caller';
import type { ApiDeps } from '../deps';
import { type Call, type Endpoint, NOTHING, post, type Reply } from '../http/endpoint';
import { line, slug } from '../http/fields';
import { Problem } from '../http/problems';

const merchant = z.strictObject({ merchantId: slug, name: line(100) }).meta({ id: 'Merchant' });

/** Merchants, which submit orders. */
export function merchantEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    post({
      path: '/v2/merchants',
      tag: 'merchants',
      summary: 'Register a merchant',
      roles: ['ops'],
      params: NOTHING,
      body: merchant,
      replies: {
        201: { description: 'Registered', schema: merchant },
        200: { description: 'The same merchant was registered before', schema: merchant },
      },
      refusals: ['ALREADY_EXISTS'],
      handle: (call) => register(deps, call),
    }),
  ];
}

async function register(
  { configuration }: ApiDeps,
  { body, caller, correlationId }: Call<unknown, unknown, z.output<typeof merchant>>,
): Promise<Reply> {
  if (!coversAnyCity(caller)) throw new Problem('FORBIDDEN', 'the token names no city');
  const { merchantId: id, name } = body;
  const status = await configuration.change(
    { chain: `merchant/${id}`, subject: 'merchant', id, cityId: null },
    { by: actorOf(caller), correlationId },
    async (tx) => {
      const before = await tx.merchant.findUnique({ where: { id }, select: { name: true } });
      if (before === null) await tx.merchant.create({ data: { id, name } });
      else if (before.name !== name) throw new Problem('ALREADY_EXISTS', 'another merchant has this id');
      return { before, after: { name }, result: before === null ? 201 : 200 };
    },
  );
  return { status, body };
}

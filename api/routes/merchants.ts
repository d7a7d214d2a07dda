import { z } from 'zod';
import { coversAnyCity } from '../auth/caller';
import type { ApiDeps } from '../deps';
import { type Endpoint, NOTHING, post } from '../http/endpoint';
import { line, slug } from '../http/fields';
import { Problem } from '../http/problems';

const merchant = z.strictObject({ merchantId: slug, name: line(100) }).meta({ id: 'Merchant' });

/** Merchants, which submit orders. */
export function merchantEndpoints({ db }: ApiDeps): Endpoint[] {
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
      handle: async ({ body, caller }) => {
        if (!coversAnyCity(caller)) throw new Problem('FORBIDDEN', 'the token names no city');
        const { merchantId: id, name } = body;
        const { count } = await db.merchant.createMany({ data: [{ id, name }], skipDuplicates: true });
        if (count === 1) return { status: 201, body };
        if ((await db.merchant.count({ where: { id, name } })) === 0)
          throw new Problem('ALREADY_EXISTS', 'another merchant has this id');
        return { status: 200, body };
      },
    }),
  ];
}

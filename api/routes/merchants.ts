import { z } from 'zod';
import { coversAnyCity } from '../auth/caller';
import { actorOf } from '../auth/caller';
import type { ApiDeps } from '../deps';
import { type Call, type Endpoint, get, NOTHING, patch, post, type Reply } from '../http/endpoint';
import { limit, line, slug } from '../http/fields';
import { Problem } from '../http/problems';

const byId = z.strictObject({ id: slug });
const page = z.strictObject({
  cursor: slug.optional().meta({ description: 'The nextCursor of the previous page' }),
  limit,
});
const merchant = z.strictObject({ merchantId: slug, name: line(100) }).meta({ id: 'Merchant' });
const merchantList = z
  .strictObject({ merchants: z.array(merchant), nextCursor: z.string().nullable() })
  .meta({ id: 'MerchantList' });

const noMerchant = (): Problem => new Problem('NOT_FOUND', 'there is no such merchant');
const showMerchant = ({ id, name }: { id: string; name: string }): z.output<typeof merchant> => ({
  merchantId: id,
  name,
});

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
    get({
      path: '/v2/merchants',
      tag: 'merchants',
      summary: 'List merchants',
      roles: ['ops'],
      params: NOTHING,
      query: page,
      replies: { 200: { description: 'One page, ordered by id', schema: merchantList } },
      handle: async ({ query: { cursor: after, limit: size } }) => {
        const rows = await deps.db.merchant.findMany({
          where: after === undefined ? {} : { id: { gt: after } },
          orderBy: { id: 'asc' },
          take: size + 1,
        });
        const shown = rows.slice(0, size);
        const nextCursor = rows.length > size ? (shown.at(-1)?.id ?? null) : null;
        return { status: 200, body: { merchants: shown.map(showMerchant), nextCursor } };
      },
    }),
    get({
      path: '/v2/merchants/:id',
      tag: 'merchants',
      summary: 'Read a merchant',
      roles: ['ops', 'merchant'],
      params: byId,
      query: NOTHING,
      replies: { 200: { description: 'The merchant', schema: merchant } },
      handle: async ({ caller, params: { id } }) => {
        const isOwn = caller.role !== 'merchant' || caller.merchantId === id;
        const row = isOwn ? await deps.db.merchant.findUnique({ where: { id } }) : null;
        if (!row) throw noMerchant();
        return { status: 200, body: showMerchant(row) };
      },
    }),
    patch({
      path: '/v2/merchants/:id',
      tag: 'merchants',
      summary: 'Change a merchant',
      roles: ['ops'],
      params: byId,
      body: z.strictObject({ name: line(100) }).meta({ id: 'MerchantChange' }),
      replies: { 200: { description: 'The merchant as it is now', schema: merchant } },
      handle: (call) => change(deps, call),
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

async function change(
  { configuration }: ApiDeps,
  { params: { id }, body: { name }, caller, correlationId }: Call<{ id: string }, unknown, { name: string }>,
): Promise<Reply> {
  if (!coversAnyCity(caller)) throw new Problem('FORBIDDEN', 'the token names no city');
  await configuration.change(
    { chain: `merchant/${id}`, subject: 'merchant', id, cityId: null },
    { by: actorOf(caller), correlationId },
    async (tx) => {
      const before = await tx.merchant.findUnique({ where: { id }, select: { name: true } });
      if (before === null) throw noMerchant();
      await tx.merchant.update({ where: { id }, data: { name } });
      return { before, after: { name }, result: undefined };
    },
  );
  return { status: 200, body: { merchantId: id, name } };
}

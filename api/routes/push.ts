import { ECDH } from 'node:crypto';
import { z } from 'zod';
import { pushEndpointProblem } from '../../domain/notices/pushEndpoint';
import type { Caller } from '../auth/caller';
import type { ApiDeps } from '../deps';
import { type Endpoint, get, NOTHING, post, put } from '../http/endpoint';
import { line, uuid } from '../http/fields';
import { Problem } from '../http/problems';
import { driverExists } from '../queries/drivers';
import { keepSubscription, MAX_SUBSCRIPTIONS, removeSubscription } from '../queries/pushSubscriptions';

const byId = z.strictObject({ id: uuid });
const keys = z.strictObject({
  p256dh: z
    .string()
    .regex(/^[\w-]{87}$/, 'must be 65 bytes in base64url')
    .refine(isPoint, 'must be a public key of P-256'),
  auth: z.string().regex(/^[\w-]{22}$/, 'must be 16 bytes in base64url'),
});
const endpoint = line(2_000).meta({
  description: 'The address of the browser’s push service: https, a public name',
});
const subscription = z.strictObject({ endpoint, keys }).meta({ id: 'PushSubscription' });
const pushKey = z.strictObject({ publicKey: z.string() }).meta({ id: 'PushKey' });
const kept = z
  .strictObject({ subscriptions: z.int().min(0).max(MAX_SUBSCRIPTIONS) })
  .meta({ id: 'PushSubscriptions' });

/** Where a driver's app is told when it is closed (docs/behaviour.md#realtime): RFC 8030, RFC 8291. */
export function pushEndpoints({ db, push, newId }: ApiDeps): Endpoint[] {
  return [
    get({
      path: '/v2/push-key',
      tag: 'drivers',
      summary: 'The key that apps subscribe to web push with',
      roles: ['driver'],
      params: NOTHING,
      query: NOTHING,
      replies: { 200: { description: 'The public VAPID key, in base64url', schema: pushKey } },
      refusals: ['PUSH_OFF'],
      handle: async () => ({ status: 200, body: { publicKey: requireOn(push) } }),
    }),
    put({
      path: '/v2/drivers/:id/push-subscription',
      tag: 'drivers',
      summary: 'Be told by web push where the app is closed',
      roles: ['driver'],
      params: byId,
      body: subscription,
      replies: {
        200: { description: `Kept; the newest ${MAX_SUBSCRIPTIONS} of a driver are`, schema: kept },
      },
      refusals: ['PUSH_OFF'],
      handle: async ({ caller, params, body }) => {
        await requireSelf(db, caller, params.id);
        requireOn(push);
        requireAllowed(body.endpoint, push);
        return {
          status: 200,
          body: {
            subscriptions: await keepSubscription(
              db,
              params.id,
              { endpoint: body.endpoint, ...body.keys },
              newId(),
            ),
          },
        };
      },
    }),
    post({
      path: '/v2/drivers/:id/push-subscription/remove',
      tag: 'drivers',
      summary: 'Be told no longer',
      roles: ['driver'],
      params: byId,
      body: z.strictObject({ endpoint }),
      replies: { 200: { description: 'It is gone, or never was', schema: kept } },
      handle: async ({ caller, params, body }) => {
        await requireSelf(db, caller, params.id);
        return {
          status: 200,
          body: { subscriptions: await removeSubscription(db, params.id, body.endpoint) },
        };
      },
    }),
  ];
}

function requireOn({ publicKey }: ApiDeps['push']): string {
  if (publicKey === null) throw new Problem('PUSH_OFF', 'this service sends no web push');
  return publicKey;
}

function requireAllowed(address: string, { allowLocal }: ApiDeps['push']): void {
  const message = pushEndpointProblem(address, { allowLocal });
  if (message !== null)
    throw new Problem('INVALID_REQUEST', 'this address is none of a push service', {
      errors: [{ path: 'endpoint', message }],
    });
}

async function requireSelf(db: ApiDeps['db'], caller: Caller, driverId: string): Promise<void> {
  const isTheirs =
    caller.role === 'driver' && caller.driverId === driverId && (await driverExists(db, caller, driverId));
  if (!isTheirs) throw new Problem('NOT_FOUND', 'there is no such driver');
}

/** Nothing can be encrypted for what is no point of the curve. */
function isPoint(text: string): boolean {
  try {
    ECDH.convertKey(text, 'prime256v1', 'base64url');
    return true;
  } catch {
    return false;
  }
}

import { ECDH } from 'node:crypto';
import { z } from 'zod';
import { pushEndpointProblem } from '../../domain/notices/pushEndpoint';
import { actorOf, type Caller } from '../auth/caller';
import type { ApiDeps } from '../deps';
import { type Endpoint, get, NOTHING, post, put } from '../http/endpoint';
import { line, uuid } from '../http/fields';
import { Problem } from '../http/problems';
import { driverExists } from '../queries/drivers';

/** As services/pushSubscriptions.ts keeps them. */
const MAX_SUBSCRIPTIONS = 5;

const byId = z.strictObject({ id: uuid });
const keys = z.strictObject({
  p256dh: z
    .string()
    .regex(/^[\w-]{87}$/, 'must be 65 bytes in base64url')
    .refine(isPoint, 'must be a P-256 public key'),
  auth: z.string().regex(/^[\w-]{22}$/, 'must be 16 bytes in base64url'),
});
const endpoint = line(2_000).meta({
  description: 'The https URL of the browser’s push service, with a public host name',
});
const subscription = z.strictObject({ endpoint, keys }).meta({ id: 'PushSubscription' });
const pushKey = z.strictObject({ publicKey: z.string() }).meta({ id: 'PushKey' });
const subscriptionCount = z
  .strictObject({ subscriptions: z.int().min(0).max(MAX_SUBSCRIPTIONS) })
  .meta({ id: 'PushSubscriptions' });

/** Web push to drivers whose app is closed (docs/behaviour.md#realtime): RFC 8030, RFC 8291. */
export function pushEndpoints({ db, push, pushSubscriptions }: ApiDeps): Endpoint[] {
  return [
    get({
      path: '/v2/push-key',
      tag: 'drivers',
      summary: 'Read the public key for web push subscriptions',
      roles: ['driver'],
      params: NOTHING,
      query: NOTHING,
      replies: { 200: { description: 'The public VAPID key in base64url', schema: pushKey } },
      refusals: ['PUSH_OFF'],
      handle: async () => ({ status: 200, body: { publicKey: requireOn(push) } }),
    }),
    put({
      path: '/v2/drivers/:id/push-subscription',
      tag: 'drivers',
      summary: 'Subscribe to web push',
      roles: ['driver'],
      params: byId,
      body: subscription,
      replies: {
        200: {
          description: `Stored; a driver has at most ${MAX_SUBSCRIPTIONS}, and the oldest are removed`,
          schema: subscriptionCount,
        },
      },
      refusals: ['PUSH_OFF'],
      handle: async ({ caller, params, body, correlationId }) => {
        await requireSelf(db, caller, params.id);
        requireOn(push);
        requireAllowed(body.endpoint, push);
        return {
          status: 200,
          body: {
            subscriptions: await pushSubscriptions.keep(
              params.id,
              { endpoint: body.endpoint, ...body.keys },
              { by: actorOf(caller), correlationId },
            ),
          },
        };
      },
    }),
    post({
      path: '/v2/drivers/:id/push-subscription/remove',
      tag: 'drivers',
      summary: 'Unsubscribe from web push',
      roles: ['driver'],
      params: byId,
      body: z.strictObject({ endpoint }),
      replies: { 200: { description: 'Removed, or it did not exist', schema: subscriptionCount } },
      handle: async ({ caller, params, body, correlationId }) => {
        await requireSelf(db, caller, params.id);
        const by = { by: actorOf(caller), correlationId };
        const subscriptions = await pushSubscriptions.remove(params.id, body.endpoint, by);
        return { status: 200, body: { subscriptions } };
      },
    }),
  ];
}

function requireOn({ publicKey }: ApiDeps['push']): string {
  if (publicKey === null) throw new Problem('PUSH_OFF', 'web push is disabled');
  return publicKey;
}

function requireAllowed(address: string, { allowLocal }: ApiDeps['push']): void {
  const message = pushEndpointProblem(address, { allowLocal });
  if (message !== null)
    throw new Problem('INVALID_REQUEST', 'the endpoint is not the URL of a push service', {
      errors: [{ path: 'endpoint', message }],
    });
}

async function requireSelf(db: ApiDeps['db'], caller: Caller, driverId: string): Promise<void> {
  const isTheirs =
    caller.role === 'driver' && caller.driverId === driverId && (await driverExists(db, caller, driverId));
  if (!isTheirs) throw new Problem('NOT_FOUND', 'there is no such driver');
}

/** Messages can only be encrypted for a point of the curve. */
function isPoint(text: string): boolean {
  try {
    ECDH.convertKey(text, 'prime256v1', 'base64url');
    return true;
  } catch {
    return false;
  }
}

import { z } from 'zod';
import { trackingEndsAt } from '../../domain/delivery/tracking';
import { tracking } from '../../domain/notices/stateEvents';
import { noDelivery } from '../commands/sendCommand';
import type { ApiDeps } from '../deps';
import { type Endpoint, get, NOTHING, post } from '../http/endpoint';
import { instantText, iso, uuid } from '../http/fields';
import { Problem } from '../http/problems';
import { findDelivery } from '../queries/deliveries';

const trackingToken = z
  .strictObject({
    deliveryId: z.uuid(),
    token: z
      .string()
      .meta({ description: 'Reads this one delivery: GET /v2/tracking, and the socket of its events' }),
    expiresAt: instantText,
  })
  .meta({ id: 'TrackingToken' });

const OFF = 'no tracking key is set';

/** How customers follow a delivery (docs/behaviour.md#tracking). */
export function trackingEndpoints({ read, clock, tracking: tokens, roomStates }: ApiDeps): Endpoint[] {
  return [
    post({
      path: '/v2/deliveries/:id/tracking-token',
      tag: 'tracking',
      summary: 'Issue a token with which the customer follows the delivery',
      roles: ['merchant', 'ops'],
      params: z.strictObject({ id: uuid }),
      body: NOTHING,
      replies: {
        200: { description: 'A token that reads this delivery, and no more', schema: trackingToken },
      },
      refusals: ['TRACKING_OFF', 'TRACKING_OVER'],
      handle: async ({ caller, params }) => {
        if (!tokens) throw new Problem('TRACKING_OFF', OFF);
        const row = await findDelivery(read, caller, params.id);
        if (!row) throw noDelivery();
        const expiresAt = trackingEndsAt(row, tokens.validMs, clock());
        if (expiresAt <= clock())
          throw new Problem('TRACKING_OVER', `the delivery could be followed until ${iso(expiresAt)}`);
        const token = await tokens.issue(row.id, expiresAt);
        return { status: 200, body: { deliveryId: row.id, token, expiresAt: iso(expiresAt) } };
      },
    }),
    get({
      path: '/v2/tracking',
      tag: 'tracking',
      summary: 'Follow a delivery by its tracking token',
      roles: ['tracking'],
      params: NOTHING,
      query: NOTHING,
      replies: { 200: { description: 'The state that the socket sends on connect', schema: tracking } },
      handle: async ({ caller }) => {
        const body = caller.role === 'tracking' ? await roomStates.tracking(caller.deliveryId) : null;
        if (!body) throw noDelivery();
        return { status: 200, body };
      },
    }),
  ];
}

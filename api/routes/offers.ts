import { z } from 'zod';
import type { Read } from '../../services/ports';
import { isRefusal } from '../../domain/delivery/deliveryState';
import { REJECT_REASONS } from '../../domain/delivery/offer';
import { Prisma } from '../../prisma/client/client';
import { COMMANDS, type Traced } from '../../workflows/contract';
import type { Sending } from '../commands/commandSender';
import { noteShown } from '../commands/offerShown';
import type { Caller } from '../auth/caller';
import type { ApiDeps } from '../deps';
import { type Endpoint, get, NOTHING, post, type Reply } from '../http/endpoint';
import { instantText, iso, uuid } from '../http/fields';
import { Problem } from '../http/problems';
import { outcomeView, replyTo } from '../views/outcome';

const byId = z.strictObject({ id: uuid });
const outcome = {
  200: { description: 'The outcome; a repeated answer gets the first outcome', schema: outcomeView },
};
const refusals = ['OFFER_EXPIRED', 'OFFER_WITHDRAWN', 'ALREADY_ANSWERED', 'NOT_ANSWERED_IN_TIME'] as const;

const offerView = z
  .strictObject({
    offerId: z.uuid(),
    deliveryId: z.uuid(),
    state: z.enum(['LIVE', 'ACCEPTED', 'REJECTED', 'EXPIRED', 'WITHDRAWN']),
    payCents: z.int(),
    createdAt: instantText,
    expiresAt: instantText,
    endedAt: instantText.nullable(),
    endReason: z.string().nullable(),
    offerPayload: z
      .record(z.string(), z.unknown())
      .nullable()
      .meta({ description: 'Pay, both stops, distance and ready time; null once the offer ended' }),
  })
  .meta({ id: 'Offer' });

const mineView = z
  .strictObject({
    live: offerView.nullable(),
    recent: z.array(offerView).meta({ description: 'The newest 20 that ended' }),
  })
  .meta({ id: 'MyOffers' });

const RECENT = 20;

/** A driver's offers and answers (docs/behaviour.md#offers). */
export function offerEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    get({
      path: '/v2/offers/mine',
      tag: 'offers',
      summary: 'List my live offer and my recent offers',
      roles: ['driver'],
      params: NOTHING,
      query: NOTHING,
      replies: { 200: { description: 'The live offer and recent offers', schema: mineView } },
      handle: async ({ caller }) => ({ status: 200, body: await mine(deps, driverOf(caller)) }),
    }),
    post({
      path: '/v2/offers/:id/accept',
      tag: 'offers',
      summary: 'Accept an offer',
      roles: ['driver'],
      params: byId,
      body: NOTHING,
      replies: outcome,
      refusals,
      handle: async ({ caller, params, correlationId }) => {
        const payload = { offerId: params.id, driverId: driverOf(caller), correlationId };
        const updateId = COMMANDS.acceptOffer.updateId(payload);
        return answer(deps, caller, { command: COMMANDS.acceptOffer, payload, updateId });
      },
    }),
    post({
      path: '/v2/offers/:id/reject',
      tag: 'offers',
      summary: 'Reject an offer',
      roles: ['driver'],
      params: byId,
      body: z.strictObject({ reason: z.enum(REJECT_REASONS) }),
      replies: outcome,
      refusals,
      handle: async ({ caller, params, body, correlationId }) => {
        const payload = {
          offerId: params.id,
          driverId: driverOf(caller),
          reason: body.reason,
          correlationId,
        };
        const updateId = COMMANDS.rejectOffer.updateId(payload);
        return answer(deps, caller, { command: COMMANDS.rejectOffer, payload, updateId });
      },
    }),
  ];
}

function driverOf(caller: Caller): string {
  if (caller.role !== 'driver') throw new Problem('FORBIDDEN', 'only drivers have offers');
  return caller.driverId;
}

type OfferAnswer = Traced & { offerId: string; driverId: string };

async function answer<Payload extends OfferAnswer>(
  deps: ApiDeps,
  caller: Caller,
  sent: Pick<Sending<Payload>, 'command' | 'payload' | 'updateId'>,
): Promise<Reply> {
  const offer = await addressOffer(deps, sent.payload);
  if (!offer) throw new Problem('NOT_FOUND', 'there is no such offer');
  const { isLive, ...delivery } = offer;
  const given = await deps.commands.send({ ...sent, delivery, isSettled: !isLive });
  const reply = await replyTo(deps.read, caller, delivery.deliveryId, given);
  if (isRefusal(given) || given.outcome !== 'accepted' || given.tripId === undefined) return reply;
  const deliveries = await takenWith(deps.read, given.tripId);
  return { ...reply, body: { ...given, at: iso(new Date(given.at)), deliveries } };
}

type Taken = { deliveryId: string; offerId: string; assignmentId: string };

/** All that the accept of a trip took, the lead first. It never changes. */
async function takenWith(read: Read, tripId: string): Promise<Taken[]> {
  return read<Taken>(Prisma.sql`
    SELECT o.delivery_id AS "deliveryId", o.id AS "offerId", a.id AS "assignmentId"
    FROM offers o JOIN assignments a ON a.delivery_id = o.delivery_id AND a.offer_id = o.id
    WHERE o.trip_id = ${tripId}::uuid ORDER BY o.trip_seat`);
}

type AddressedOffer = { deliveryId: string; merchantId: string; sellerOrderId: string; isLive: boolean };

/**
 * An offer that was just shown counts as live: its workflow knows better, and answers.
 * @returns null where this driver has no such offer
 */
async function addressOffer(
  { read, driverStates }: Pick<ApiDeps, 'read' | 'driverStates'>,
  { offerId, driverId }: { offerId: string; driverId: string },
): Promise<AddressedOffer | null> {
  const shown = await driverStates.shownOffer(offerId, driverId);
  if (shown) return { ...shown, isLive: true };
  const [found] = await read<AddressedOffer>(Prisma.sql`
    SELECT d.id AS "deliveryId", d.merchant_id AS "merchantId", d.seller_order_id AS "sellerOrderId",
      o.state = 'LIVE' AS "isLive"
    FROM offers o JOIN deliveries d ON d.id = o.delivery_id
    WHERE o.id = ${offerId}::uuid AND o.driver_id = ${driverId}::uuid`);
  return found ?? null;
}

async function mine(deps: ApiDeps, driverId: string): Promise<unknown> {
  const rows = await deps.db.offer.findMany({
    where: { driverId, tripSeat: 0 }, // of a trip, the lead's offer stands for all
    omit: { choice: true },
    orderBy: { createdAt: 'desc' },
    take: RECENT + 1,
  });
  const live = rows.find(({ state }) => state === 'LIVE');
  await noteShown(deps, live && live.reachedAt === null ? live.id : null, driverId);
  return {
    live: live ? showOffer(live) : null,
    recent: rows
      .filter((row) => row !== live)
      .slice(0, RECENT)
      .map(showOffer),
  };
}

type OfferRow = {
  id: string;
  deliveryId: string;
  state: string;
  payCents: number;
  createdAt: Date;
  expiresAt: Date;
  endedAt: Date | null;
  endReason: string | null;
  payload: unknown;
};

/** Shows the addresses only while the driver can accept the offer. */
function showOffer({
  id,
  deliveryId,
  state,
  payCents,
  createdAt,
  expiresAt,
  endedAt,
  endReason,
  payload,
}: OfferRow): unknown {
  return {
    offerId: id,
    deliveryId,
    state,
    payCents,
    createdAt: iso(createdAt),
    expiresAt: iso(expiresAt),
    endedAt: iso(endedAt),
    endReason,
    offerPayload: state === 'LIVE' ? payload : null,
  };
}

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalOfV1, canonicalSent, sentFieldsOf } from '../../domain/orders/fingerprint';
import { DELIVERY_STATUSES, REASON_CODES, type ReasonCode, type Step } from '../../domain/delivery/status';
import { PARCEL_SIZES } from '../../domain/driver/vehicles';
import { COMMANDS } from '../../workflows/contract';
import { noDelivery, sendCommand, tracedBy } from '../commands/sendCommand';
import { actorOf, type Caller, coversCity } from '../auth/caller';
import type { Order, OrderFingerprint } from '../../services/orders';
import type { ApiDeps } from '../deps';
import { type Call, type Endpoint, get, NOTHING, post, type Reply } from '../http/endpoint';
import {
  cents,
  currency,
  cursor,
  deviceInstant,
  instant,
  limit,
  line,
  lines,
  orNull,
  pageOf,
  phone,
  point,
  slug,
  unlessEmpty,
  uuid,
} from '../http/fields';
import { Problem } from '../http/problems';
import { findDelivery, listDeliveries, newSummary, readHistory } from '../queries/deliveries';
import {
  deliveryDetailView,
  deliveryListView,
  deliveryView,
  showDelivery,
  showDeliveryDetail,
} from '../views/delivery';
import { orderProblem } from '../views/orderProblem';
import { outcomeView } from '../views/outcome';

const stop = z
  .strictObject({
    address: line(300),
    point,
    contactName: orNull(line(100)),
    contactPhone: phone,
    notes: orNull(lines(1_000)),
  })
  .meta({ id: 'OrderStop' });

/** The key is part of the workflow id, which is limited to 255 characters. */
const MAX_ESCAPED_KEY = 180;

const orderKey = z
  .string()
  // The first check aborts the others: a lone surrogate cannot be escaped.
  .regex(/^[!-~](?:[ -~]{0,126}[!-~])?$/, {
    error: 'must be 1 to 128 printable ASCII characters, without leading or trailing spaces',
    abort: true,
  })
  .refine(
    (key) => encodeURIComponent(key).length <= MAX_ESCAPED_KEY,
    `must be at most ${MAX_ESCAPED_KEY} characters after percent-encoding`,
  );

const order = z
  .strictObject({
    sellerOrderId: orderKey.meta({
      description: 'The idempotency key: a repeat with the same body returns the same delivery',
    }),
    merchantId: slug.optional().meta({ description: 'Ops only; the token identifies a merchant' }),
    cityId: slug,
    pickup: stop,
    dropoff: stop,
    readyAt: orNull(instant).meta({ description: 'When the goods are ready for pickup; null: now' }),
    windowFrom: orNull(instant).meta({
      description: 'The earliest time at the drop-off; the search begins accordingly',
    }),
    windowTo: orNull(instant).meta({ description: 'The latest time at the drop-off' }),
    parcelSize: z.enum(PARCEL_SIZES),
    feeCents: cents.meta({ description: 'What the merchant pays' }),
    payCents: cents
      .nullable()
      .default(null)
      .meta({ description: 'Ops only: what the driver earns, at most PAY_MAX_CENTS; null: by the tariff' }),
    currency: orNull(currency).meta({ description: 'Must be the currency of the city' }),
  })
  .meta({ id: 'Order' });

const byId = z.strictObject({ id: uuid });

const filters = z.strictObject({
  status: z.enum(DELIVERY_STATUSES).optional(),
  cityId: slug.optional(),
  driverId: uuid.optional(),
  merchantId: slug.optional(),
  sellerOrderId: unlessEmpty(orderKey),
  since: instant.optional().meta({ description: 'Created at or after this instant' }),
  cursor: cursor.optional(),
  limit,
});

const steps = z.enum([
  'arriveAtPickup',
  'pickUp',
  'arriveAtDropoff',
  'deliver',
  'returnGoods',
] satisfies Step[]);

/** The cancellation reasons that each role may give. The first is the default. */
const CANCEL_REASONS: Readonly<Record<'merchant' | 'ops', readonly [ReasonCode, ...ReasonCode[]]>> = {
  merchant: ['MERCHANT_CANCELLED', 'CUSTOMER_CANCELLED'],
  ops: ['OPS_CANCELLED', 'MERCHANT_CANCELLED', 'CUSTOMER_CANCELLED'],
};

const outcome = {
  200: { description: 'The outcome; a repeated request gets the first outcome', schema: outcomeView },
};

/** Deliveries: created from orders, read, carried out and cancelled (docs/behaviour.md#deliveries). */
export function deliveryEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    post({
      path: '/v2/deliveries',
      tag: 'deliveries',
      summary: 'Submit an order',
      roles: ['merchant', 'ops'],
      params: NOTHING,
      body: order,
      replies: {
        201: { description: 'The new delivery', schema: deliveryView },
        200: {
          description: 'The order was submitted before: the current state of its delivery',
          schema: deliveryView,
        },
      },
      refusals: [
        'MERCHANT_SUSPENDED',
        'IDEMPOTENCY_CONFLICT',
        'TOO_MANY_OPEN_DELIVERIES',
        'UNKNOWN_CITY',
        'UNKNOWN_MERCHANT',
        'WRONG_CURRENCY',
        'TIME_NOT_POSSIBLE',
        'STOP_OUT_OF_AREA',
        'PAY_NOT_ALLOWED',
        'ORDERS_STOPPED',
      ],
      handle: (call) => takeOrder(deps, call),
    }),
    get({
      path: '/v2/deliveries',
      tag: 'deliveries',
      summary: 'List deliveries, newest first',
      roles: ['merchant', 'ops', 'driver'],
      params: NOTHING,
      query: filters,
      replies: { 200: { description: 'One page', schema: deliveryListView } },
      handle: async ({ caller, query }) => {
        const { cursor: after, limit: size, ...equal } = query;
        const { rows, nextCursor } = pageOf(
          await listDeliveries(deps.db, caller, equal, { after, limit: size }),
          size,
        );
        return {
          status: 200,
          body: { deliveries: rows.map((row) => showDelivery(row, caller)), nextCursor },
        };
      },
    }),
    get({
      path: '/v2/deliveries/:id',
      tag: 'deliveries',
      summary: 'Read a delivery with its offers and timeline',
      roles: ['merchant', 'ops', 'driver'],
      params: byId,
      query: NOTHING,
      replies: {
        200: { description: 'The delivery, open or closed', schema: deliveryDetailView },
      },
      handle: async ({ caller, params }) => {
        const row = await findDelivery(deps.read, caller, params.id);
        if (!row) throw noDelivery();
        return {
          status: 200,
          body: showDeliveryDetail(row, await readHistory(deps.db, caller, row), caller),
        };
      },
    }),
    post({
      path: '/v2/deliveries/:id/cancel',
      tag: 'deliveries',
      summary: 'Cancel before pickup',
      roles: ['merchant', 'ops'],
      takesKey: true,
      params: byId,
      body: z.strictObject({ reason: z.enum(REASON_CODES).optional() }),
      replies: outcome,
      refusals: ['ILLEGAL_TRANSITION', 'REASON_NOT_ALLOWED', 'NOT_ANSWERED_IN_TIME'],
      handle: async (call) => {
        const reason = cancelReason(call.caller, call.body.reason);
        return sendCommand(deps, call, COMMANDS.cancelDelivery, { ...tracedBy(call), reason });
      },
    }),
    post({
      path: '/v2/deliveries/:id/steps',
      tag: 'deliveries',
      summary: 'Report a step of the delivery',
      roles: ['driver', 'ops'],
      takesKey: true,
      params: byId,
      body: z.strictObject({
        step: steps,
        deviceAt: deviceInstant
          .nullable()
          .default(null)
          .meta({ description: 'When it happened, by the device clock, whether it is right or not' }),
      }),
      replies: outcome,
      refusals: ['ILLEGAL_TRANSITION', 'GOODS_IN_HAND', 'GOODS_NOT_NEEDED', 'NOT_ANSWERED_IN_TIME'],
      handle: async (call) => {
        const deviceAt = await timeOfStep(deps, call.caller, call.body.deviceAt);
        const step = { ...call.body, deviceAt, ...tracedBy(call) };
        return tellOfGoods(deps, call, sendCommand(deps, call, COMMANDS.takeStep, step));
      },
    }),
    post({
      path: '/v2/deliveries/:id/fail',
      tag: 'deliveries',
      summary: 'Report that the pickup or the delivery failed',
      roles: ['driver', 'ops'],
      takesKey: true,
      params: byId,
      body: z.strictObject({
        reason: z.enum(REASON_CODES),
        goods: z.enum(['RETURN', 'LOST']).meta({ description: 'What happens to goods that were picked up' }),
      }),
      replies: outcome,
      refusals: [
        'ILLEGAL_TRANSITION',
        'REASON_NOT_ALLOWED',
        'GOODS_IN_HAND',
        'GOODS_NOT_NEEDED',
        'NOT_ANSWERED_IN_TIME',
      ],
      handle: (call) =>
        tellOfGoods(
          deps,
          call,
          sendCommand(deps, call, COMMANDS.failDelivery, { ...call.body, ...tracedBy(call) }),
        ),
    }),
  ];
}

/** A closed delivery changes no more, but support must hear of goods that a driver still has. */
async function tellOfGoods(
  { strandedGoods }: ApiDeps,
  { caller, params, correlationId }: Call<{ id: string }, unknown, unknown>,
  sent: Promise<Reply>,
): Promise<Reply> {
  try {
    return await sent;
  } catch (error) {
    if (error instanceof Problem && error.code === 'GOODS_NOT_NEEDED' && caller.role === 'driver')
      await strandedGoods.report({ deliveryId: params.id, driverId: caller.driverId, correlationId });
    throw error;
  }
}

/** A driver's device says when the step was taken; its clock is corrected as for positions. */
async function timeOfStep(
  { positions }: ApiDeps,
  caller: Caller,
  deviceAt: number | null,
): Promise<number | null> {
  return caller.role === 'driver' && deviceAt !== null
    ? positions.correctedTime(caller.driverId, deviceAt)
    : deviceAt;
}

async function takeOrder(
  deps: ApiDeps,
  { body, sentBody, caller, correlationId }: Call<unknown, unknown, z.output<typeof order>>,
): Promise<Reply> {
  const merchantId = merchantOf(caller, body.merchantId);
  if (deps.suspended.has({ kind: 'merchant', id: merchantId }))
    throw new Problem('MERCHANT_SUSPENDED', 'ops have suspended this merchant');
  if (!coversCity(caller, body.cityId)) throw new Problem('UNKNOWN_CITY', `there is no city ${body.cityId}`);
  const requested: Order = { ...body, merchantId, by: actorOf(caller) };
  const taken = await deps.orders.takeOrder(
    requested,
    fingerprintOf(requested, sentBody),
    correlationId,
    deps.clock(),
  );
  if ('refused' in taken) throw orderProblem(taken);
  const row =
    taken.taken === 'new'
      ? newSummary(taken.delivery, taken.locale)
      : await findDelivery(deps.read, caller, taken.deliveryId);
  if (!row) throw noDelivery();
  return {
    status: taken.taken === 'new' ? 201 : 200,
    headers: { Location: `/v2/deliveries/${taken.deliveryId}` },
    body: showDelivery(row, caller),
  };
}

/** What releases up to 2.1.0 compare stands beside it: they may still run, or run again. */
function fingerprintOf(requested: Order, sentBody: unknown): OrderFingerprint {
  return {
    fingerprint: `2:${sha256(canonicalSent(sentBody, requested.merchantId))}`,
    requestHash: sha256(canonicalOfV1(requested)),
    fields: sentFieldsOf(requested),
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function merchantOf(caller: Caller, named: string | undefined): string {
  if (caller.role === 'merchant' && (named === undefined || named === caller.merchantId))
    return caller.merchantId;
  if (caller.role === 'ops' && named !== undefined) return named;
  const message = caller.role === 'ops' ? 'is required for ops' : 'must be omitted or match the token';
  throw new Problem('INVALID_REQUEST', 'the request has invalid fields', {
    errors: [{ path: 'merchantId', message }],
  });
}

function cancelReason({ role }: Caller, given: ReasonCode | undefined): ReasonCode {
  const allowed = role === 'ops' ? CANCEL_REASONS.ops : CANCEL_REASONS.merchant;
  if (given !== undefined && !allowed.includes(given))
    throw new Problem('REASON_NOT_ALLOWED', `reasons allowed for ${role}: ${allowed.join(', ')}`);
  return given ?? allowed[0];
}

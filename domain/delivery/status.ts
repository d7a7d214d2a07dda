/** The statuses of a delivery and the table of its legal moves. docs/behaviour.md#deliveries. */

export const DELIVERY_STATUSES = [
  'PENDING',
  'SEARCHING',
  'OFFERED',
  'ASSIGNED',
  'AT_PICKUP',
  'PICKED_UP',
  'AT_DROPOFF',
  'DELIVERED',
  'CANCELLED',
  'FAILED',
  'RETURNING',
  'RETURNED',
] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** Why a delivery was cancelled, failed, or is returned. */
export const REASON_CODES = [
  'MERCHANT_CANCELLED',
  'CUSTOMER_CANCELLED',
  'OPS_CANCELLED',
  'NO_DRIVER',
  'MERCHANT_CLOSED',
  'MERCHANT_NOT_READY',
  'NOT_AT_HOME',
  'WRONG_ADDRESS',
  'REFUSED',
  'DAMAGED',
  'VEHICLE_BREAKDOWN',
  'OTHER',
] as const;
export type ReasonCode = (typeof REASON_CODES)[number];

/** Reasons for which a delivery can fail while the driver is at the pickup. */
export const PICKUP_FAILURES = [
  'MERCHANT_CLOSED',
  'MERCHANT_NOT_READY',
  'DAMAGED',
  'OTHER',
] as const satisfies readonly ReasonCode[];
/** Reasons for which a delivery can fail after the pickup. */
export const DROPOFF_FAILURES = [
  'NOT_AT_HOME',
  'WRONG_ADDRESS',
  'REFUSED',
  'DAMAGED',
  'VEHICLE_BREAKDOWN',
  'OTHER',
] as const satisfies readonly ReasonCode[];

/** Who causes a change. The id of a system actor names the rule, for example `offer-lapse`. */
export type Actor = { kind: 'driver' | 'ops' | 'merchant' | 'customer' | 'system'; id: string };

/** An actor as rows name them: `ops/olga`. */
export function nameOf({ kind, id }: Actor): string {
  return `${kind}/${id}`;
}

export type Transition = { from: DeliveryStatus; to: DeliveryStatus; by: string };

/** Every legal move of a delivery. Any other is refused with 409 and the current status. */
export const DELIVERY_TRANSITIONS: readonly Transition[] = [
  { from: 'PENDING', to: 'SEARCHING', by: 'search begins' },
  { from: 'PENDING', to: 'ASSIGNED', by: 'assigned by hand' },
  { from: 'PENDING', to: 'CANCELLED', by: 'cancel' },
  { from: 'SEARCHING', to: 'OFFERED', by: 'offer made' },
  { from: 'SEARCHING', to: 'ASSIGNED', by: 'assigned the v1 way or by hand' },
  { from: 'SEARCHING', to: 'PENDING', by: 'ready later than ordered' },
  { from: 'SEARCHING', to: 'CANCELLED', by: 'cancel or nobody found' },
  { from: 'OFFERED', to: 'SEARCHING', by: 'offer rejected, expired or withdrawn' },
  { from: 'OFFERED', to: 'ASSIGNED', by: 'offer accepted, or assigned by hand' },
  { from: 'OFFERED', to: 'CANCELLED', by: 'cancel' },
  { from: 'ASSIGNED', to: 'SEARCHING', by: 'driver lost' },
  { from: 'ASSIGNED', to: 'AT_PICKUP', by: 'arriveAtPickup' },
  { from: 'ASSIGNED', to: 'CANCELLED', by: 'cancel' },
  { from: 'AT_PICKUP', to: 'SEARCHING', by: 'driver lost' },
  { from: 'AT_PICKUP', to: 'ASSIGNED', by: 'assigned to another by hand' },
  { from: 'AT_PICKUP', to: 'PICKED_UP', by: 'pickUp' },
  { from: 'AT_PICKUP', to: 'CANCELLED', by: 'cancel' },
  { from: 'AT_PICKUP', to: 'FAILED', by: 'fail' },
  { from: 'PICKED_UP', to: 'AT_DROPOFF', by: 'arriveAtDropoff' },
  { from: 'PICKED_UP', to: 'RETURNING', by: 'fail, goods go back' },
  { from: 'PICKED_UP', to: 'FAILED', by: 'fail, goods lost' },
  { from: 'AT_DROPOFF', to: 'PICKED_UP', by: 'handed over to another driver' },
  { from: 'AT_DROPOFF', to: 'DELIVERED', by: 'deliver' },
  { from: 'AT_DROPOFF', to: 'RETURNING', by: 'fail, goods go back' },
  { from: 'AT_DROPOFF', to: 'FAILED', by: 'fail, goods lost' },
  { from: 'RETURNING', to: 'RETURNED', by: 'returnGoods' },
  { from: 'RETURNING', to: 'FAILED', by: 'fail, goods lost' },
];

const legal = new Set(DELIVERY_TRANSITIONS.map(({ from, to }) => `${from}>${to}`));

/** Whether a delivery may move from one status to another. */
export function canMove(from: DeliveryStatus, to: DeliveryStatus): boolean {
  return legal.has(`${from}>${to}`);
}

/** Whether the delivery is closed: no event changes it any more. */
export function isClosed(status: DeliveryStatus): boolean {
  return status === 'DELIVERED' || status === 'CANCELLED' || status === 'FAILED' || status === 'RETURNED';
}

/** Whether the goods are still at the shop: the delivery can be cancelled, or go to another driver. */
export function isBeforePickup(status: DeliveryStatus): boolean {
  return canMove(status, 'CANCELLED');
}

/** The carrier's steps, each with the status it leaves and the status it leads to. */
export const STEPS = {
  arriveAtPickup: { from: 'ASSIGNED', to: 'AT_PICKUP' },
  pickUp: { from: 'AT_PICKUP', to: 'PICKED_UP' },
  arriveAtDropoff: { from: 'PICKED_UP', to: 'AT_DROPOFF' },
  deliver: { from: 'AT_DROPOFF', to: 'DELIVERED' },
  returnGoods: { from: 'RETURNING', to: 'RETURNED' },
} as const satisfies Record<string, { from: DeliveryStatus; to: DeliveryStatus }>;
export type Step = keyof typeof STEPS;

/** Statuses that the table does not reach from PENDING: none, or the table is wrong. */
export function unreachableStatuses(): DeliveryStatus[] {
  const reached = new Set<DeliveryStatus>(['PENDING']);
  for (const status of reached) {
    for (const { from, to } of DELIVERY_TRANSITIONS) if (from === status) reached.add(to);
  }
  return DELIVERY_STATUSES.filter((status) => !reached.has(status));
}

/**
 * What others than ops see of a delivery: its merchant, and the customer who follows it by a tracking token. Neither
 * is told who is being asked. docs/behaviour.md#tracking.
 */

import { type DeliveryStatus, type ReasonCode } from './status';

/** The reasons that a customer is given. The others are about the shop's and our own work. */
export const TRACKED_REASONS = [
  'NO_DRIVER',
  'MERCHANT_CANCELLED',
  'CUSTOMER_CANCELLED',
  'NOT_AT_HOME',
  'WRONG_ADDRESS',
  'REFUSED',
  'OTHER',
] as const satisfies readonly ReasonCode[];
export type TrackedReason = (typeof TRACKED_REASONS)[number];

/** The part of a delivery that tracking shows. Instants are epoch ms. */
export type TrackedFacts = {
  deliveryId: string;
  sellerOrderId: string;
  status: DeliveryStatus;
  statusSince: number;
  reasonCode: ReasonCode | null;
  delayedSince: number | null;
};

/** The status without the state of offers: while a driver is asked, the search goes on. */
export function statusWithoutOffers(status: DeliveryStatus): Exclude<DeliveryStatus, 'OFFERED'> {
  return status === 'OFFERED' ? 'SEARCHING' : status;
}

/** No name, phone, address or driver: whoever holds the link reads it. */
export function trackingOf({
  deliveryId,
  sellerOrderId,
  status,
  statusSince,
  reasonCode,
  delayedSince,
}: TrackedFacts): {
  deliveryId: string;
  sellerOrderId: string;
  status: DeliveryStatus;
  reason: TrackedReason | null;
  delayedSince: string | null;
  at: string;
} {
  return {
    deliveryId,
    sellerOrderId,
    status: statusWithoutOffers(status),
    reason: reasonCode === null ? null : trackedReason(reasonCode),
    delayedSince: delayedSince === null ? null : new Date(delayedSince).toISOString(),
    at: new Date(statusSince).toISOString(),
  };
}

function trackedReason(reasonCode: ReasonCode): TrackedReason {
  return TRACKED_REASONS.find((each) => each === reasonCode) ?? 'OTHER';
}

/**
 * When (epoch ms) a tracking token ends: some time after the delivery is due, or has closed.
 * @param validMs that time
 */
export function trackingEndsAt(
  { readyAt, windowTo, closedAt }: { readyAt: Date; windowTo: Date | null; closedAt: Date | null },
  validMs: number,
  now: number,
): number {
  const dueAt = closedAt?.getTime() ?? Math.max(now, readyAt.getTime(), windowTo?.getTime() ?? 0);
  return Math.floor((dueAt + validMs) / 1_000) * 1_000;
}

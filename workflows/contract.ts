/**
 * All that a caller of the workflows may know: names, ids, updates, signals, queries, inputs, search
 * attributes. Payloads are plain JSON: ids, unions, numbers, instants in epoch ms. No personal data.
 */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { Availability } from '../domain/driver/availability';
import type { DeliverySnapshot } from '../domain/delivery/deadline';
import type { Proposal } from '../domain/delivery/events';
import type { RescueDelivery, Traced } from './commands';

export * from './commands';

export const TASK_QUEUE = 'dispatch';

export const WORKFLOWS = {
  delivery: 'delivery',
  timedAvailability: 'timedAvailability',
  cityDispatch: 'cityDispatch',
  presenceSweep: 'presenceSweep',
  openRowsSweep: 'openRowsSweep',
  escalationSweep: 'escalationSweep',
  upkeepSweep: 'upkeepSweep',
  erasureSweep: 'erasureSweep',
  zoneHealthSweep: 'zoneHealthSweep',
  auditSweep: 'auditSweep',
  lostDriversSweep: 'lostDriversSweep',
  windowsSweep: 'windowsSweep',
  matchingNetSweep: 'matchingNetSweep',
} as const;

/**
 * `delivery/<merchant>/<sellerOrderId>`: two retries of one shop can never start two deliveries. Parts are
 * escaped, so that no two keys collide.
 */
export function deliveryWorkflowId(merchantId: string, sellerOrderId: string): string {
  return `delivery/${encodeURIComponent(merchantId)}/${encodeURIComponent(sellerOrderId)}`;
}

/** The reverse. @returns undefined if the id is not a delivery's */
export function orderOfWorkflowId(
  workflowId: string,
): { merchantId: string; sellerOrderId: string } | undefined {
  const [kind, merchantId, sellerOrderId, ...rest] = workflowId.split('/');
  if (kind !== 'delivery' || merchantId === undefined || sellerOrderId === undefined || rest.length > 0)
    return undefined;
  return { merchantId: decodeURIComponent(merchantId), sellerOrderId: decodeURIComponent(sellerOrderId) };
}

export function availabilityWorkflowId(driverId: string): string {
  return `availability/${driverId}`;
}

/** The one owner of a city's matching. */
export function cityDispatchWorkflowId(cityId: string): string {
  return `dispatch/${cityId}`;
}

/** The reverse. @returns undefined if the id is not that of an owner */
export function cityOfDispatch(workflowId: string): string | undefined {
  return /^dispatch\/(.+)$/.exec(workflowId)?.[1];
}

export type DriverLeft = Traced & {
  driverId: string;
  offerId: string | null;
  assignmentId: string | null;
  why: string;
};
export const driverLeft = defineSignal<[DriverLeft]>('driverLeft');
/** Ops rescued the driver: like the update, for a caller who no longer waits for the answer. */
export const driverRescued = defineSignal<[RescueDelivery]>('driverRescued');
export type OfferWithdrawn = Traced & { offerId: string };
export const offerWithdrawn = defineSignal<[OfferWithdrawn]>('offerWithdrawn');
export type DriverCameFree = Traced & { driverId: string; passed: string[] };
export const driverCameFree = defineSignal<[DriverCameFree]>('driverCameFree');

/** A round of the city's matching chose this driver for the delivery. */
export type DriverProposed = Traced & Proposal;
export const driverProposed = defineSignal<[DriverProposed]>('driverProposed');
/** Who waits in the city, or who is free, has changed. */
export const roundDue = defineSignal<[Traced]>('roundDue');

/** A driver's timed state is another one now; a workflow of the older one waits for the newer. */
export type TimedStateChanged = Traced & { state: Availability; until: number };
export const timedStateChanged = defineSignal<[TimedStateChanged]>('timedStateChanged');

export const getSnapshot = defineQuery<DeliverySnapshot>('getKnown');

export type DeliveryInput = Traced & { deliveryId: string };
export type CityDispatchInput = Traced & { cityId: string };
export type TimedAvailabilityInput = Traced & { driverId: string; state: Availability; until: number };

/** Failure type of an update that comes after the end: the caller answers from the row. */
export const CLOSED = 'CLOSED';
/**
 * Error type of an event that no retry can make possible: it is refused, and the delivery continues without
 * it.
 */
export const IMPOSSIBLE = 'ImpossibleEvent';

/** How long a round of a city's matching may take. One that takes longer proposes nobody. */
export const ROUND_WITHIN_MS = 10_000;

export { ATTEMPT_MS } from '../domain/delivery/attempt';

export const searchAttributes = {
  deliveryStatus: defineSearchAttributeKey('DeliveryStatus', SearchAttributeType.KEYWORD),
  city: defineSearchAttributeKey('City', SearchAttributeType.KEYWORD),
  zone: defineSearchAttributeKey('Zone', SearchAttributeType.KEYWORD),
  escalationLevel: defineSearchAttributeKey('EscalationLevel', SearchAttributeType.INT),
  driverId: defineSearchAttributeKey('DriverId', SearchAttributeType.KEYWORD),
  offerExpiresAt: defineSearchAttributeKey('OfferExpiresAt', SearchAttributeType.DATETIME),
  merchantId: defineSearchAttributeKey('MerchantId', SearchAttributeType.KEYWORD),
};

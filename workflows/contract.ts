/**
 * All that a caller of the workflows may know: names, ids, updates, signals, queries, inputs, search
 * attributes. Payloads are plain JSON: ids, unions, numbers, instants in epoch ms. No personal data.
 */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Availability } from '../domain/driver/availability';
import type { DeliverySnapshot } from '../domain/delivery/deadline';
import type { Actor, ReasonCode, Step } from '../domain/delivery/status';
import type { LeaveReason } from '../domain/driver/loss';
import type { RejectReason } from '../domain/delivery/offer';
import type { Answer } from '../domain/delivery/deliveryState';

export const TASK_QUEUE = 'dispatch';

export const WORKFLOWS = {
  delivery: 'delivery',
  timedAvailability: 'timedAvailability',
  presenceSweep: 'presenceSweep',
  openRowsSweep: 'openRowsSweep',
  escalationSweep: 'escalationSweep',
  upkeepSweep: 'upkeepSweep',
  zoneHealthSweep: 'zoneHealthSweep',
  auditSweep: 'auditSweep',
  lostDriversSweep: 'lostDriversSweep',
} as const;

/**
 * `delivery/<merchant>/<sellerOrderId>`: two retries of one shop can never start two deliveries. Parts are
 * escaped, so that no key can look like another's.
 */
export function deliveryWorkflowId(merchantId: string, sellerOrderId: string): string {
  return `delivery/${encodeURIComponent(merchantId)}/${encodeURIComponent(sellerOrderId)}`;
}

/** The way back. @returns undefined where the id is not one of a delivery */
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

/** What every event carries beside its own fields, for the audit trail. */
export type Traced = { correlationId: string };

export type AcceptOffer = Traced & { offerId: string; driverId: string };
export type RejectOffer = Traced & { offerId: string; driverId: string; reason: RejectReason };
export type TakeStep = Traced & { step: Step; by: Actor; deviceAt: number | null };
export type FailDelivery = Traced & { by: Actor; reason: ReasonCode; goods: 'RETURN' | 'LOST' };
export type CancelDelivery = Traced & { by: Actor; reason: ReasonCode };
export type AssignDriver = Traced & { driverId: string; by: Actor; override: boolean; why: string };
export type HandOver = Traced & {
  driverId: string;
  by: Actor;
  override: boolean;
  meetingId: string | null;
  why: string;
};
export type LeaveDelivery = Traced & { driverId: string; assignmentId: string; reason: LeaveReason };
export type RescueDelivery = Traced & {
  driverId: string;
  offerId: string | null;
  assignmentId: string | null;
  by: Actor;
  why: string;
};
export type RaisePay = Traced & { bonusCents: number; by: Actor; why: string };
export type ResumeSearch = Traced & { by: Actor; why: string };

/** A refusal comes back as a value of Answer; the update itself fails only where the delivery is closed. */
export const acceptOffer = defineUpdate<Answer, [AcceptOffer]>('acceptOffer');
export const rejectOffer = defineUpdate<Answer, [RejectOffer]>('rejectOffer');
export const takeStep = defineUpdate<Answer, [TakeStep]>('takeStep');
export const failDelivery = defineUpdate<Answer, [FailDelivery]>('failDelivery');
export const cancelDelivery = defineUpdate<Answer, [CancelDelivery]>('cancelDelivery');
export const assignDriver = defineUpdate<Answer, [AssignDriver]>('assignDriver');
export const handOver = defineUpdate<Answer, [HandOver]>('handOver');
export const leaveDelivery = defineUpdate<Answer, [LeaveDelivery]>('leaveDelivery');
export const rescueDelivery = defineUpdate<Answer, [RescueDelivery]>('rescueDelivery');
export const raisePay = defineUpdate<Answer, [RaisePay]>('raisePay');
export const resumeSearch = defineUpdate<Answer, [ResumeSearch]>('resumeSearch');

/** Update ids are business facts: a client's retry meets the first try. */
export const updateIds = {
  accept: ({ offerId, driverId }: AcceptOffer): string => `accept/${offerId}/${driverId}`,
  reject: ({ offerId, driverId }: RejectOffer): string => `reject/${offerId}/${driverId}`,
  leave: (assignmentId: string): string => `leave/${assignmentId}`,
  /**
   * With the state it was asked in: a step refused as too early must not be refused for ever under the same
   * id.
   */
  step: (
    { step, by }: TakeStep,
    { assignmentId, status }: { assignmentId: string | null; status: string },
  ): string => `step/${step}/${assignmentId ?? 'none'}/${status}/${by.kind}`,
};

export type DriverLeft = Traced & {
  driverId: string;
  offerId: string | null;
  assignmentId: string | null;
  why: string;
};
export const driverLeft = defineSignal<[DriverLeft]>('driverLeft');
/** Ops freed the driver: the same as the update, for when nobody waits for the answer any more. */
export const driverRescued = defineSignal<[RescueDelivery]>('driverRescued');
export type OfferWithdrawn = Traced & { offerId: string };
export const offerWithdrawn = defineSignal<[OfferWithdrawn]>('offerWithdrawn');
export type DriverCameFree = Traced & { driverId: string; passed: string[] };
export const driverCameFree = defineSignal<[DriverCameFree]>('driverCameFree');

/** A driver's timed state is another one now; a workflow of the older one waits for the newer. */
export type TimedStateChanged = Traced & { state: Availability; until: number };
export const timedStateChanged = defineSignal<[TimedStateChanged]>('timedStateChanged');

export const getSnapshot = defineQuery<DeliverySnapshot>('getKnown');

export type DeliveryInput = Traced & { deliveryId: string };
export type TimedAvailabilityInput = Traced & { driverId: string; state: Availability; until: number };

/** Failure type of an update that comes after the end: the caller answers from the row. */
export const CLOSED = 'CLOSED';
/**
 * Error type of an event that no repeat would make possible: it is refused, and the delivery goes on without
 * it.
 */
export const IMPOSSIBLE = 'ImpossibleEvent';

/**
 * How long the workflow waits for one attempt at a transaction; then it begins another, and the first must
 * write nothing any more.
 */
export const ATTEMPT_MS = 1_400;

export const searchAttributes = {
  deliveryStatus: defineSearchAttributeKey('DeliveryStatus', SearchAttributeType.KEYWORD),
  city: defineSearchAttributeKey('City', SearchAttributeType.KEYWORD),
  zone: defineSearchAttributeKey('Zone', SearchAttributeType.KEYWORD),
  escalationLevel: defineSearchAttributeKey('EscalationLevel', SearchAttributeType.INT),
  driverId: defineSearchAttributeKey('DriverId', SearchAttributeType.KEYWORD),
  offerExpiresAt: defineSearchAttributeKey('OfferExpiresAt', SearchAttributeType.DATETIME),
  merchantId: defineSearchAttributeKey('MerchantId', SearchAttributeType.KEYWORD),
};

import { z } from 'zod';
import { AVAILABILITIES, type Availability } from '../../domain/availability';
import { DELIVERY_STATUSES, type DeliveryStatus, type ReasonCode } from '../../domain/delivery';
import type { Point } from '../../domain/places';
import type { FeatureName } from '../../domain/rollout';
import { CASE_REASONS, CASE_STATES, type CaseReason, type CaseState } from '../../domain/supportCase';
import { createAsk, type Transport } from './requests';
import type { Outcome } from './service';

/** A case of the support queue, as far as whoever works on it must know. `driverId`: whom it is about. Instants are epoch ms. */
export type CaseView = {
  caseId: string; deliveryId: string; level: number; state: CaseState; reason: CaseReason; driverId: string | null; openedAt: number; roseAt: number; status: DeliveryStatus;
};

/** A delivery as ops see it. `carrierId`: who has it. */
export type WatchedDelivery = { deliveryId: string; status: DeliveryStatus; carrierId: string | null; pickup: Point; bonusCents: number; level: number };

/** A driver as ops see them; `room`: how many jobs more they can take now. `seen` null: never. */
export type WatchedDriver = { driverId: string; availability: Availability; room: number; seen: { place: Point; at: number } | null };

export type ByHand = { assignmentId: string; driverId: string };

/** Ops at their desk: the support queue, deliveries by hand, drivers, features. Every method may throw ServiceAway, and may be repeated. */
export interface DeskClient {
  /** Cases that are not resolved, the most urgent first. */
  unresolved(cityId: string): Promise<Outcome<{ cases: CaseView[] }>>;
  acknowledge(caseId: string): Promise<Outcome<object>>;
  delivery(deliveryId: string): Promise<Outcome<WatchedDelivery>>;
  driver(driverId: string): Promise<Outcome<WatchedDriver>>;
  /** The AVAILABLE ones. */
  availableDrivers(cityId: string): Promise<Outcome<{ drivers: WatchedDriver[] }>>;
  assign(deliveryId: string, driverId: string, why: string): Promise<Outcome<ByHand>>;
  handOver(deliveryId: string, to: { driverId: string; meeting: Point }, why: string): Promise<Outcome<ByHand>>;
  raisePay(deliveryId: string, bonusCents: number, why: string): Promise<Outcome<object>>;
  resumeSearch(deliveryId: string, why: string): Promise<Outcome<object>>;
  /** Frees a driver of all they hold. */
  rescue(driverId: string, why: string): Promise<Outcome<object>>;
  fail(deliveryId: string, reason: ReasonCode, goods: 'RETURN' | 'LOST'): Promise<Outcome<object>>;
  putFeature(name: FeatureName, enabled: boolean, why: string): Promise<Outcome<object>>;
}

const POINT = z.object({ lat: z.number(), lng: z.number() });
const INSTANT = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

const CASE = z.object({
  escalationId: z.string(), deliveryId: z.string(), level: z.number(), state: z.enum(CASE_STATES), reason: z.enum(CASE_REASONS), driverId: z.string().nullable(),
  openedAt: INSTANT, roseAt: INSTANT, delivery: z.object({ status: z.enum(DELIVERY_STATUSES) }),
}).transform(({ escalationId: caseId, delivery: { status }, ...rest }): CaseView => ({ caseId, status, ...rest }));
const QUEUE = z.object({ escalations: z.array(CASE) }).transform(({ escalations: cases }) => ({ cases }));

const DELIVERY = z.object({
  deliveryId: z.string(), status: z.enum(DELIVERY_STATUSES), driverId: z.string().nullable(), pickup: z.object({ point: POINT }), bonusCents: z.number().nullable(),
  escalationLevel: z.number(),
}).transform(({ deliveryId, status, driverId: carrierId, pickup, bonusCents, escalationLevel: level }): WatchedDelivery =>
  ({ deliveryId, status, carrierId, pickup: pickup.point, bonusCents: bonusCents ?? 0, level }));

const DRIVER = z.object({
  driverId: z.string(), availability: z.enum(AVAILABILITIES), capacity: z.number(), liveOffers: z.number(), activeAssignments: z.number(),
  lastFix: z.object({ point: POINT, at: INSTANT }).nullable(),
}).transform(({ driverId, availability, capacity, liveOffers, activeAssignments, lastFix }): WatchedDriver => ({
  driverId, availability, room: capacity - liveOffers - activeAssignments, seen: lastFix && { place: lastFix.point, at: lastFix.at },
}));
const DRIVERS = z.object({ drivers: z.array(DRIVER) });
const BY_HAND = z.object({ outcome: z.literal('assigned'), assignmentId: z.string(), driverId: z.string() });
const ANYTHING = z.object({});

/** Ops of all cities who work by hand. @throws z.ZodError where an answer has not the form that was promised */
export function createDeskClient(transport: Transport): DeskClient {
  const ask = createAsk(transport);
  const act = (path: string, body: object): Promise<Outcome<object>> => ask('POST', path, body, ANYTHING);
  return {
    unresolved: (cityId) => ask('GET', `/v2/ops/escalations?cityId=${cityId}&limit=100`, null, QUEUE),
    acknowledge: (caseId) => act(`/v2/ops/escalations/${caseId}/acknowledge`, {}),
    delivery: (deliveryId) => ask('GET', `/v2/deliveries/${deliveryId}`, null, DELIVERY),
    driver: (driverId) => ask('GET', `/v2/drivers/${driverId}`, null, DRIVER),
    availableDrivers: (cityId) => ask('GET', `/v2/drivers?cityId=${cityId}&availability=AVAILABLE&limit=100`, null, DRIVERS),
    assign: (deliveryId, driverId, why) => ask('POST', `/v2/deliveries/${deliveryId}/assign`, { driverId, why }, BY_HAND),
    handOver: (deliveryId, { driverId, meeting }, why) => ask('POST', `/v2/deliveries/${deliveryId}/hand-over`, { driverId, meeting: { point: meeting }, why }, BY_HAND),
    raisePay: (deliveryId, bonusCents, why) => act(`/v2/deliveries/${deliveryId}/raise-pay`, { bonusCents, why }),
    resumeSearch: (deliveryId, why) => act(`/v2/deliveries/${deliveryId}/search`, { why }),
    rescue: (driverId, why) => act(`/v2/ops/drivers/${driverId}/rescue`, { why }),
    fail: (deliveryId, reason, goods) => act(`/v2/deliveries/${deliveryId}/fail`, { reason, goods }),
    putFeature: (name, enabled, why) => ask('PUT', `/v2/ops/features/${name}`, { enabled, percent: null, cities: null, plan: null, why }, ANYTHING),
  };
}

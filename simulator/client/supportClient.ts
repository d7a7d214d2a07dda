import type { paths } from '@driver-service/api-client';
import type { Availability } from '../../domain/driver/availability';
import type { DeliveryStatus, ReasonCode } from '../../domain/delivery/status';
import type { Point } from '../../domain/geo/places';
import type { FeatureName } from '../../domain/features/rollout';
import type { CaseReason, CaseState } from '../../domain/support/supportCase';
import { done, open, outcome, type Transport } from './requests';
import type { Outcome } from './service';

/**
 * A case of the support queue, as far as whoever works on it must know. `driverId`: whom it is about.
 * Instants are epoch ms.
 */
export type CaseView = {
  caseId: string;
  deliveryId: string;
  level: number;
  state: CaseState;
  reason: CaseReason;
  driverId: string | null;
  openedAt: number;
  roseAt: number;
  status: DeliveryStatus;
};

/** A delivery as ops see it. `carrierId`: who has it. */
export type OpsDeliveryView = {
  deliveryId: string;
  status: DeliveryStatus;
  carrierId: string | null;
  pickup: Point;
  bonusCents: number;
  level: number;
};

/** A driver as ops see them; `room`: how many jobs more they can take now. `seen` null: never. */
export type OpsDriverView = {
  driverId: string;
  availability: Availability;
  room: number;
  seen: { place: Point; at: number } | null;
};

export type ManualAssignment = { assignmentId: string; driverId: string };

/**
 * Ops at their desk: the support queue, deliveries by hand, drivers, features. Every method may throw
 * ServiceUnavailableError, and may be repeated.
 */
export interface SupportClient {
  /** Cases that are not resolved, the most urgent first. */
  unresolved(cityId: string): Promise<Outcome<{ cases: CaseView[] }>>;
  acknowledge(caseId: string): Promise<Outcome<object>>;
  delivery(deliveryId: string): Promise<Outcome<OpsDeliveryView>>;
  driver(driverId: string): Promise<Outcome<OpsDriverView>>;
  /** The AVAILABLE ones. */
  availableDrivers(cityId: string): Promise<Outcome<{ drivers: OpsDriverView[] }>>;
  /** How many deliveries of the city are without a driver now: searched for or offered. */
  backlog(cityId: string): Promise<Outcome<{ waiting: number }>>;
  assign(deliveryId: string, driverId: string, why: string): Promise<Outcome<ManualAssignment>>;
  handOver(
    deliveryId: string,
    to: { driverId: string; meeting: Point },
    why: string,
  ): Promise<Outcome<ManualAssignment>>;
  raisePay(deliveryId: string, bonusCents: number, why: string): Promise<Outcome<object>>;
  resumeSearch(deliveryId: string, why: string): Promise<Outcome<object>>;
  /** Frees a driver of all they hold. */
  rescue(driverId: string, why: string): Promise<Outcome<object>>;
  fail(deliveryId: string, reason: ReasonCode, goods: 'RETURN' | 'LOST'): Promise<Outcome<object>>;
  putFeature(
    name: FeatureName,
    enabled: boolean,
    why: string,
    percent?: number | null,
  ): Promise<Outcome<object>>;
}

/** As many as the API gives on one page. */
const ALL = '100';

type CaseBody = paths['/v2/ops/escalations/{id}']['get']['responses'][200]['content']['application/json'];
type DeliveryBody = paths['/v2/deliveries/{id}']['get']['responses'][200]['content']['application/json'];
type DriverBody = paths['/v2/drivers/{id}']['get']['responses'][200]['content']['application/json'];
type OutcomeBody =
  paths['/v2/deliveries/{id}/assign']['post']['responses'][200]['content']['application/json'];

function caseOf({
  escalationId: caseId,
  deliveryId,
  level,
  state,
  reason,
  driverId,
  openedAt,
  roseAt,
  delivery: { status },
}: CaseBody): CaseView {
  return {
    caseId,
    deliveryId,
    level,
    state,
    reason,
    driverId,
    openedAt: Date.parse(openedAt),
    roseAt: Date.parse(roseAt),
    status,
  };
}

function deliveryOf({
  deliveryId,
  status,
  driverId: carrierId,
  pickup,
  bonusCents,
  escalationLevel: level,
}: DeliveryBody): OpsDeliveryView {
  return { deliveryId, status, carrierId, pickup: pickup.point, bonusCents: bonusCents ?? 0, level };
}

function driverOf({
  driverId,
  availability,
  capacity,
  liveOffers,
  activeAssignments,
  lastFix,
}: DriverBody): OpsDriverView {
  return {
    driverId,
    availability,
    room: capacity - liveOffers - activeAssignments,
    seen: lastFix && { place: lastFix.point, at: Date.parse(lastFix.at) },
  };
}

/** @throws Error for an outcome of another kind than was asked for */
function manualAssignmentOf(body: OutcomeBody): ManualAssignment {
  if (body.outcome !== 'assigned') throw new Error(`an assignment by hand was answered with ${body.outcome}`);
  return { assignmentId: body.assignmentId, driverId: body.driverId };
}

/** Ops of all cities who work by hand. */
export function createSupportClient(transport: Transport): SupportClient {
  const api = open(transport);
  const of = (id: string) => ({ params: { path: { id } } });
  return {
    unresolved: async (cityId) =>
      outcome(
        await api.GET('/v2/ops/escalations', { params: { query: { cityId, limit: ALL } } }),
        ({ escalations }) => ({ cases: escalations.map(caseOf) }),
      ),
    acknowledge: async (id) =>
      done(await api.POST('/v2/ops/escalations/{id}/acknowledge', { ...of(id), body: {} })),
    delivery: async (id) => outcome(await api.GET('/v2/deliveries/{id}', of(id)), deliveryOf),
    driver: async (id) => outcome(await api.GET('/v2/drivers/{id}', of(id)), driverOf),
    availableDrivers: async (cityId) =>
      outcome(
        await api.GET('/v2/drivers', {
          params: { query: { cityId, availability: 'AVAILABLE', limit: ALL } },
        }),
        ({ drivers }) => ({ drivers: drivers.map(driverOf) }),
      ),
    backlog: async (cityId) =>
      outcome(
        await api.GET('/v2/ops/zones/health', { params: { query: { cityId, fresh: 'true' } } }),
        ({ zones }) => ({ waiting: zones.reduce((sum, { figures }) => sum + figures.searching, 0) }),
      ),
    assign: async (id, driverId, why) =>
      outcome(
        await api.POST('/v2/deliveries/{id}/assign', { ...of(id), body: { driverId, why } }),
        manualAssignmentOf,
      ),
    handOver: async (id, { driverId, meeting }, why) =>
      outcome(
        await api.POST('/v2/deliveries/{id}/hand-over', {
          ...of(id),
          body: { driverId, meeting: { point: meeting }, why },
        }),
        manualAssignmentOf,
      ),
    raisePay: async (id, bonusCents, why) =>
      done(await api.POST('/v2/deliveries/{id}/raise-pay', { ...of(id), body: { bonusCents, why } })),
    resumeSearch: async (id, why) =>
      done(await api.POST('/v2/deliveries/{id}/search', { ...of(id), body: { why } })),
    rescue: async (id, why) =>
      done(await api.POST('/v2/ops/drivers/{id}/rescue', { ...of(id), body: { why } })),
    fail: async (id, reason, goods) =>
      done(await api.POST('/v2/deliveries/{id}/fail', { ...of(id), body: { reason, goods } })),
    putFeature: async (name, enabled, why, percent = null) =>
      done(
        await api.PUT('/v2/ops/features/{name}', {
          params: { path: { name } },
          body: { enabled, percent, cities: null, plan: null, why },
        }),
      ),
  };
}

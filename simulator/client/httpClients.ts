import type { paths } from '@driver-service/api-client';
import { isDetectedLoss } from '../../domain/driver/loss';
import { handoverPointsOf, stateEvent } from './driverSocket';
import { type Api, done, iso, open, outcome, type Transport } from './requests';
import type {
  CitySetup,
  DeliveryView,
  DriverClient,
  DriverSetup,
  DriverView,
  Position,
  MerchantClient,
  NewOrder,
  OpsClient,
  Outcome,
  TakenDelivery,
  ZoneSetup,
} from './service';

type DeliveryBody = paths['/v2/deliveries/{id}']['get']['responses'][200]['content']['application/json'];
type OutcomeBody = paths['/v2/offers/{id}/accept']['post']['responses'][200]['content']['application/json'];
type StateBody = paths['/v2/me']['get']['responses'][200]['content']['application/json'];

function deliveryOf({ deliveryId, status, driverId, pickup, dropoff, readyAt }: DeliveryBody): DeliveryView {
  return {
    deliveryId,
    status,
    driverId,
    pickup: pickup.point,
    dropoff: dropoff.point,
    readyAt: Date.parse(readyAt),
  };
}

/** @throws Error for an outcome of another kind than was asked for */
function takenBy(body: OutcomeBody): { assignmentId: string; at: number; deliveries?: TakenDelivery[] } {
  if (body.outcome !== 'accepted') throw new Error(`an accept was answered with ${body.outcome}`);
  const { assignmentId, at, deliveries } = body;
  return { assignmentId, at: Date.parse(at), ...(deliveries ? { deliveries } : {}) };
}

/** @throws Error for an outcome of another kind than was asked for */
function movedTo(body: OutcomeBody): { status: DeliveryView['status'] } {
  if (body.outcome !== 'moved') throw new Error(`a step was answered with ${body.outcome}`);
  return { status: body.status };
}

function viewOf(body: StateBody): DriverView {
  const { offers, deliveryIds } = stateEvent(body);
  return {
    availability: body.availability.availability,
    wasLost: isDetectedLoss(body.availability.reason ?? ''),
    offers,
    deliveryIds,
    handoverPoints: handoverPointsOf(body),
    route: body.route.map(({ deliveryId }) => deliveryId),
  };
}

async function readDelivery(api: Api, id: string): Promise<Outcome<DeliveryView>> {
  return outcome(await api.GET('/v2/deliveries/{id}', { params: { path: { id } } }), deliveryOf);
}

type CancelReason = Parameters<MerchantClient['cancel']>[1];

async function cancel(
  api: Api,
  id: string,
  reason: CancelReason,
): Promise<Outcome<{ status: DeliveryView['status'] }>> {
  const params = { path: { id } };
  return outcome(await api.POST('/v2/deliveries/{id}/cancel', { params, body: { reason } }), movedTo);
}

/** A driver's app of v2. */
export function createDriverClient(transport: Transport, driverId: string): DriverClient {
  const api = open(transport);
  const params = { path: { id: driverId } };
  return {
    view: async () => outcome(await api.GET('/v2/me'), viewOf),
    delivery: (deliveryId) => readDelivery(api, deliveryId),
    startShift: async (endsAt) =>
      done(
        await api.POST('/v2/drivers/{id}/availability/shift/start', {
          params,
          body: { shiftEndsAt: endsAt === null ? null : iso(endsAt) },
        }),
      ),
    endShift: async () =>
      done(await api.POST('/v2/drivers/{id}/availability/shift/end', { params, body: {} })),
    goOffline: async () =>
      done(await api.POST('/v2/drivers/{id}/availability', { params, body: { availability: 'OFFLINE' } })),
    startBreak: async (minutes) =>
      done(await api.POST('/v2/drivers/{id}/availability/break', { params, body: { minutes } })),
    endBreak: async () =>
      done(await api.POST('/v2/drivers/{id}/availability/break/end', { params, body: {} })),
    sendPositions: async (fixes) =>
      done(await api.POST('/v2/drivers/{id}/location', { params, body: { fixes: fixes.map(fixBody) } })),
    accept: async (id) =>
      outcome(await api.POST('/v2/offers/{id}/accept', { params: { path: { id } }, body: {} }), takenBy),
    reject: async (id, reason) =>
      done(await api.POST('/v2/offers/{id}/reject', { params: { path: { id } }, body: { reason } })),
    step: async (id, step, deviceAt) => {
      return outcome(
        await api.POST('/v2/deliveries/{id}/steps', {
          params: { path: { id } },
          body: { step, deviceAt: iso(deviceAt) },
        }),
        movedTo,
      );
    },
    fail: async (id, reason, goods) => {
      return outcome(
        await api.POST('/v2/deliveries/{id}/fail', { params: { path: { id } }, body: { reason, goods } }),
        movedTo,
      );
    },
    leave: async (id, reason) => {
      return outcome(
        await api.POST('/v2/deliveries/{id}/leave', { params: { path: { id } }, body: { reason } }),
        (body) => ({ isReleased: body.outcome === 'released' }),
      );
    },
  };
}

/** A driver's app of v1: it knows AVAILABLE and OFFLINE, and sends one place at a time. */
export function createV1DriverClient(transport: Transport, driverId: string): DriverClient {
  const api = open(transport);
  const params = { path: { id: driverId } };
  const set = async (availability: 'AVAILABLE' | 'OFFLINE'): Promise<Outcome<object>> =>
    done(await api.POST('/drivers/{id}/availability', { params, body: { availability } }));
  return {
    ...createDriverClient(transport, driverId),
    startShift: () => set('AVAILABLE'),
    endShift: () => set('OFFLINE'),
    goOffline: () => set('OFFLINE'),
    sendPositions: async (fixes) => {
      let last: Outcome<object> = { ok: true };
      for (const { point, at } of fixes)
        last = done(await api.POST('/drivers/{id}/location', { params, body: { ...point, timestamp: at } }));
      return last;
    },
  };
}

function fixBody({ point, at, speedMps, headingDegrees }: Position) {
  return { ...point, at: iso(at), speedMps: speedMps ?? null, headingDegrees: headingDegrees ?? null };
}

/** A shop's system. */
export function createMerchantClient(transport: Transport): MerchantClient {
  const api = open(transport);
  return {
    post: async (order) =>
      outcome(await api.POST('/v2/deliveries', { body: orderBody(order) }), ({ deliveryId }) => ({
        deliveryId,
      })),
    delivery: (deliveryId) => readDelivery(api, deliveryId),
    cancel: (deliveryId, reason) => cancel(api, deliveryId, reason),
  };
}

function orderBody({ readyAt, ...order }: NewOrder) {
  return { ...order, readyAt: readyAt === null ? null : iso(readyAt) };
}

/** Ops who set a city up. */
export function createOpsClient(transport: Transport): OpsClient {
  const api = open(transport);
  return {
    putCity: async ({ cityId, ...city }: CitySetup) =>
      done(await api.PUT('/v2/cities/{id}', { params: { path: { id: cityId } }, body: city })),
    putZone: async ({ zoneId, cityId, name, ring, offerTtlSeconds }: ZoneSetup) => {
      const area = { type: 'Polygon' as const, coordinates: [ring.map(([lng, lat]) => [lng, lat])] };
      return done(
        await api.PUT('/v2/cities/{id}/zones/{zoneId}', {
          params: { path: { id: cityId, zoneId } },
          body: { name, area, offerTtlSeconds },
        }),
      );
    },
    putMerchant: async ({ merchantId, name }) =>
      done(await api.POST('/v2/merchants', { body: { merchantId, name } })),
    putDriver: async ({ vehicle: vehicleKind, ...driver }: DriverSetup) => {
      const made = done(await api.POST('/v2/drivers', { body: { ...driver, vehicleKind } }));
      if (made.ok || made.code !== 'ALREADY_EXISTS') return made;
      const { driverId: id, name, offerVersion, capacity } = driver;
      const body = { name, offerVersion, capacity };
      return done(await api.PATCH('/v2/drivers/{id}', { params: { path: { id } }, body }));
    },
    cancel: (deliveryId, reason) => cancel(api, deliveryId, reason),
  };
}

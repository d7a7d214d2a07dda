/**
 * Whether a delivery will reach its drop-off within its window. Instants are epoch ms, durations ms.
 * docs/behaviour.md#deliveries.
 */

import { type DeliveryStatus } from '../delivery/status';
import { carries, type ParcelSize, VEHICLE_KINDS, type VehicleKind } from '../driver/vehicles';
import { distanceMeters, type Point, type TravelModel, travelMsFor } from '../geo/places';

/** An open delivery whose window has an end. `place` null = not known; `meeting` null = none ahead. */
export type WindowedDelivery = {
  status: DeliveryStatus;
  readyAt: number;
  windowTo: number;
  parcelSize: ParcelSize;
  pickup: Point;
  dropoff: Point;
  carrier: { vehicle: VehicleKind; place: Point | null; meeting: Point | null } | null;
};

/** `warningMs`: how long before the end of a window its risk is reported, at the latest. */
export type WindowWatch = { now: number; travel: TravelModel; timeScale: number; warningMs: number };

/** A delivery that is expected too late, or hardly in time. */
export type WindowRisk = { windowTo: number; expectedAt: number };

/** The risk of a delivery; null = it is expected in time, or has reached the drop-off. */
export function windowRisk(delivery: WindowedDelivery, watch: WindowWatch): WindowRisk | null {
  const { windowTo } = delivery;
  const expectedAt = expectedAtDropoff(delivery, watch);
  return expectedAt !== null && expectedAt + watch.warningMs > windowTo ? { windowTo, expectedAt } : null;
}

/**
 * The earliest time at the drop-off; null = it is there, or does not go there any more. Where nobody has the
 * delivery, a driver of the fastest vehicle might be at the pickup.
 */
export function expectedAtDropoff(delivery: WindowedDelivery, watch: WindowWatch): number | null {
  const { status, readyAt, pickup, dropoff, carrier } = delivery;
  const { now } = watch;
  const way = (from: Point | null, to: Point): number =>
    from === null ? 0 : wayMs(distanceMeters(from, to), vehicleOf(delivery), watch);
  const place = carrier?.place ?? null;
  switch (status) {
    case 'PENDING':
    case 'SEARCHING':
    case 'OFFERED':
    case 'AT_PICKUP':
      return Math.max(now, readyAt) + way(pickup, dropoff);
    case 'ASSIGNED':
      return Math.max(now + way(place, pickup), readyAt) + way(pickup, dropoff);
    case 'PICKED_UP': {
      const meeting = carrier?.meeting ?? null;
      return meeting === null ? now + way(place, dropoff) : now + way(place, meeting) + way(meeting, dropoff);
    }
    case 'AT_DROPOFF':
    case 'RETURNING':
    case 'DELIVERED':
    case 'CANCELLED':
    case 'FAILED':
    case 'RETURNED':
      return null;
  }
}

/** The carrier's vehicle, or the fastest that carries the parcel. */
function vehicleOf({ carrier, parcelSize }: WindowedDelivery): VehicleKind | readonly VehicleKind[] {
  return carrier?.vehicle ?? VEHICLE_KINDS.filter((vehicle) => carries(vehicle, parcelSize));
}

function wayMs(
  meters: number,
  by: VehicleKind | readonly VehicleKind[],
  { travel, timeScale }: WindowWatch,
): number {
  const vehicles = typeof by === 'string' ? [by] : by;
  return Math.min(...vehicles.map((vehicle) => travelMsFor(meters, vehicle, travel))) / timeScale;
}

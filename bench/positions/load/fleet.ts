import type { LoadKind } from '../protocol';

/** A moving driver; `at` is the time of their last position by their device's clock, epoch ms. */
export type Rider = {
  driverId: string;
  token: string;
  lat: number;
  lng: number;
  heading: number;
  at: number;
};

const SPEED_MPS = 8;
const METERS_PER_DEGREE = 111_195;
const MAX_TURN = 20;
/** The positions that a phone stores while offline and sends in one batch. */
export const POSITIONS_PER_BATCH = 20;

/** Drivers around a place, each with their own heading. */
export function fleetOf(
  drivers: readonly { driverId: string; token: string }[],
  center: { lat: number; lng: number },
): Rider[] {
  return drivers.map((driver, index) => ({
    ...driver,
    lat: center.lat + (index % 25) * 0.002,
    lng: center.lng + Math.floor(index / 25) * 0.003,
    heading: (index * 37) % 360,
    at: Date.now() - 1_000,
  }));
}

/** The path of this driver's pings of this kind. */
export function pathOf({ driverId }: Rider, kind: LoadKind): string {
  return kind === 'v1' ? `/drivers/${driverId}/location` : `/v2/drivers/${driverId}/location`;
}

/**
 * The next ping, as the app would send it now. The driver moves on: device times rise, and positions follow
 * from heading and speed.
 */
export function nextBody(rider: Rider, kind: LoadKind, now: number): string {
  switch (kind) {
    case 'v1':
      rideTo(rider, Math.max(now, rider.at + 1));
      return `{${placeOf(rider)},"timestamp":"${new Date(rider.at).toISOString()}"}`;
    case 'single':
      rideTo(rider, Math.max(now, rider.at + 1));
      return positionOf(rider);
    case 'batch': {
      const stepMs = Math.max(1, Math.floor((now - rider.at) / POSITIONS_PER_BATCH));
      const fixes = Array.from({ length: POSITIONS_PER_BATCH }, () => {
        rideTo(rider, rider.at + stepMs);
        return positionOf(rider);
      });
      return `{"fixes":[${fixes.join()}]}`;
    }
  }
}

function positionOf(rider: Rider): string {
  const at = `"at":"${new Date(rider.at).toISOString()}"`;
  const motion = `"accuracyMeters":8.5,"speedMps":${SPEED_MPS},"headingDegrees":${rider.heading.toFixed(1)}`;
  return `{${placeOf(rider)},${at},${motion}}`;
}

function placeOf({ lat, lng }: Rider): string {
  return `"lat":${lat.toFixed(6)},"lng":${lng.toFixed(6)}`;
}

function rideTo(rider: Rider, at: number): void {
  const degrees = (SPEED_MPS * (at - rider.at)) / 1_000 / METERS_PER_DEGREE;
  const course = (rider.heading * Math.PI) / 180;
  rider.lat += degrees * Math.cos(course);
  rider.lng += degrees * Math.sin(course);
  rider.heading = (rider.heading + MAX_TURN * (Math.random() - 0.5) + 360) % 360;
  rider.at = at;
}

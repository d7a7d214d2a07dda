import { distanceMeters, type Point } from '../../domain/geo/places';
import { type ReceivedPosition } from './positionStream';

/** The last stored position of each driver, the least recently stored first. */
export type LastKept = ReadonlyMap<string, { point: Point; at: number }>;

/** The history holds one position of a driver within this time and distance. */
const EVERY_MS = 10_000;
const EVERY_METERS = 50;
/** The most drivers remembered. A driver who is forgotten gets one more position stored. */
const MAX_REMEMBERED = 50_000;

/** Selects the positions that the history keeps, in their order. Late ones are measured by the same rule. */
export function thin(
  fixes: readonly ReceivedPosition[],
  before: LastKept,
): { kept: ReceivedPosition[]; lastKept: LastKept } {
  const lastKept = new Map(before);
  const kept = fixes.filter((fix) => {
    const last = lastKept.get(fix.driverId);
    if (last && Math.abs(fix.at - last.at) < EVERY_MS && distanceMeters(fix.point, last.point) < EVERY_METERS)
      return false;
    lastKept.delete(fix.driverId);
    lastKept.set(fix.driverId, { point: fix.point, at: fix.at });
    return true;
  });
  for (const driverId of lastKept.keys()) {
    if (lastKept.size <= MAX_REMEMBERED) break;
    lastKept.delete(driverId);
  }
  return { kept, lastKept };
}

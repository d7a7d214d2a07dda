import { distanceMeters, type Point } from '../../domain/geo/places';
import { type ReceivedPosition } from './positionStream';

/** The last fix kept of each driver; the least lately kept come first. */
export type LastKept = ReadonlyMap<string, { point: Point; at: number }>;

/** History holds one fix of a driver in so long, or in so far. */
const EVERY_MS = 10_000;
const EVERY_METERS = 50;
/** Drivers remembered at the most. One who is forgotten has one fix more kept. */
const MAX_REMEMBERED = 50_000;

/**
 * Which of these fixes, in the order they came, are kept as history. Late ones are measured by the same rule.
 */
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

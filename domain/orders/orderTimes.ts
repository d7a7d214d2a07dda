/**
 * The times of an order: which are possible, and when the search for its driver begins. Instants are epoch ms,
 * durations ms. docs/behaviour.md#deliveries.
 */

import { type TravelModel, travelMsFor } from '../geo/places';
import { carries, type ParcelSize, VEHICLE_KINDS } from '../driver/vehicles';

/** The times of an order. The window is for the drop-off. Null = none is set; `readyAt` null = now. */
export type OrderTimes = { readyAt: number | null; windowFrom: number | null; windowTo: number | null };
export type TimeField = keyof OrderTimes;

/** A time that cannot be kept, or that nobody means. `rule` names the bound that it breaks. */
export type ImpossibleTime = { field: TimeField; rule: string };

/**
 * The times that make an order impossible; empty = all are possible. A ready time or a window that began before
 * `now` is possible: it means now.
 * @param horizonMs how far from `now` a time may lie, in both directions
 */
export function impossibleTimes(times: OrderTimes, now: number, horizonMs: number): ImpossibleTime[] {
  const fields: readonly TimeField[] = ['readyAt', 'windowFrom', 'windowTo'];
  return fields.flatMap((field) => {
    const at = times[field];
    if (at === null) return [];
    const rule = horizonRule(at, now, horizonMs) ?? (field === 'windowTo' ? endRule(at, times, now) : null);
    return rule === null ? [] : [{ field, rule }];
  });
}

function horizonRule(at: number, now: number, horizonMs: number): string | null {
  if (at > now + horizonMs) return `must be at most ${iso(now + horizonMs)}: orders are taken up to then`;
  if (at < now - horizonMs) return `must be at least ${iso(now - horizonMs)}`;
  return null;
}

function endRule(windowTo: number, { readyAt, windowFrom }: OrderTimes, now: number): string | null {
  if (windowTo <= now) return `must be after ${iso(now)}, which is now: the window is over`;
  if (windowFrom !== null && windowTo <= windowFrom)
    return `must be after windowFrom, which is ${iso(windowFrom)}`;
  if (readyAt !== null && windowTo <= readyAt)
    return `must be after readyAt, which is ${iso(readyAt)}: the goods are not ready before`;
  return null;
}

/** How long the way between the two stops takes, by the fastest and by the slowest vehicle. */
export type WayTimes = { fastestMs: number; slowestMs: number };

/**
 * The way between the stops, for the vehicles that carry the parcel.
 * @param timeScale divides travel times, as TIME_SCALE divides all durations
 */
export function wayTimes(
  distanceMeters: number,
  parcelSize: ParcelSize,
  travel: TravelModel,
  timeScale: number,
): WayTimes {
  const each = VEHICLE_KINDS.filter((vehicle) => carries(vehicle, parcelSize)).map((vehicle) =>
    Math.ceil(travelMsFor(distanceMeters, vehicle, travel) / timeScale),
  );
  return { fastestMs: Math.min(...each), slowestMs: Math.max(...each) };
}

/**
 * When the driver should leave the pickup: when the goods are ready, but not so early that the fastest vehicle
 * arrives before the window begins. In a window too narrow for both, what counts is that the slowest vehicle
 * arrives before it ends.
 */
export function pickupDueAt(
  { readyAt, windowFrom, windowTo }: OrderTimes & { readyAt: number },
  { fastestMs, slowestMs }: WayTimes,
): number {
  if (windowFrom === null) return readyAt;
  const leaveAt = windowFrom - fastestMs;
  return Math.max(readyAt, windowTo === null ? leaveAt : Math.min(leaveAt, windowTo - slowestMs));
}

/** When the search begins: `leadMs` before the pickup is due, at the earliest now. */
export function searchBeginsAt(pickupAt: number, now: number, leadMs: number): number {
  return Math.max(now, pickupAt - leadMs);
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

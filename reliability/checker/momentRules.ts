/** Rules that hold in every snapshot of PostgreSQL, whatever is in progress or has failed. Pure. */
import type { Violation } from './violation';
import { holdProblems } from './deliveryRules';
import { areOneTrip, countProblems } from './driverRules';
import type { Snapshot } from './snapshot';

/** Offers and assignments of deliveries and drivers (invariant 1). */
export function momentProblems({ drivers, offers, assignments, open }: Snapshot): Violation[] {
  const offersOf = groupedBy(offers, ({ deliveryId }) => deliveryId);
  const assignmentsOf = groupedBy(assignments, ({ deliveryId }) => deliveryId);
  const openIds = new Set(open.map(({ deliveryId }) => deliveryId));
  const live = groupedBy(offers, ({ driverId }) => driverId);
  const active = groupedBy(assignments, ({ driverId }) => driverId);
  const held = [...offers, ...assignments].filter(({ deliveryId }) => !openIds.has(deliveryId));
  return [
    ...open.flatMap((delivery) =>
      holdProblems(
        delivery,
        offersOf.get(delivery.deliveryId) ?? [],
        assignmentsOf.get(delivery.deliveryId) ?? [],
      ),
    ),
    ...held.map(({ deliveryId, driverId }): Violation => ({
      invariant: 1,
      what: 'the delivery is closed but still has a driver',
      deliveryId,
      driverId,
    })),
    ...drivers.flatMap((driver) =>
      countProblems(driver, {
        live: live.get(driver.driverId)?.length ?? 0,
        isTrip: areOneTrip(live.get(driver.driverId) ?? []),
        active: active.get(driver.driverId)?.length ?? 0,
      }),
    ),
  ];
}

/** Groups keep the order of their elements. */
export function groupedBy<T>(all: readonly T[], keyOf: (each: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const each of all) {
    const group = groups.get(keyOf(each));
    if (group) group.push(each);
    else groups.set(keyOf(each), [each]);
  }
  return groups;
}

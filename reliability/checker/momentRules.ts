/**
 * The rules that one snapshot of PostgreSQL must keep, whatever is under way and whatever is broken. Pure.
 */
import type { Broken } from './broken';
import { holdProblems } from './deliveryRules';
import { countProblems } from './driverRules';
import type { Snapshot } from './snapshot';

/** Who holds what: of deliveries and of drivers (invariant 1). */
export function momentProblems({ drivers, offers, assignments, open }: Snapshot): Broken[] {
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
    ...held.map(({ deliveryId, driverId }): Broken => ({
      invariant: 1,
      what: 'the delivery is closed, and a driver is held by it',
      deliveryId,
      driverId,
    })),
    ...drivers.flatMap((driver) =>
      countProblems(driver, {
        live: live.get(driver.driverId)?.length ?? 0,
        active: active.get(driver.driverId)?.length ?? 0,
      }),
    ),
  ];
}

/** In the order in which they come. */
export function groupedBy<T>(all: readonly T[], keyOf: (each: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const each of all) {
    const group = groups.get(keyOf(each));
    if (group) group.push(each);
    else groups.set(keyOf(each), [each]);
  }
  return groups;
}

/** The simplest round: the most urgent deliveries first, and of these the closest pairs. docs/behaviour.md#matching. */

import { carries } from '../driver/vehicles';
import type { MatchDelivery, MatchDriver, MatchPair, Round, RoundInput, UnmatchedReason } from './round';

type Pair = { deliveryId: string; driverId: string; level: number; travelMs: number };

/** How many of the drivers near each delivery are looked at. */
const KEPT = 40;

/** Asks drivers who are free now, in short steps, so that a process can do other work between them. */
export function* closestFirst<Place>(input: RoundInput<Place>): Generator<void, Round> {
  const free = input.drivers.filter(({ freeAt, room }) => freeAt <= input.now && room > 0);
  const pairs: Pair[] = [];
  for (const delivery of input.deliveries) {
    pairs.push(...pairsOf(delivery, free, input));
    yield;
  }
  const offers = taken(pairs.sort(byUrgencyThenWay));
  const matched = new Set(offers.flatMap(({ deliveryIds }) => deliveryIds));
  const wanted = new Set(pairs.map(({ deliveryId }) => deliveryId));
  const left = input.deliveries.filter(({ deliveryId }) => !matched.has(deliveryId));
  return {
    offers,
    held: [],
    unmatched: left.map((delivery) => ({
      deliveryId: delivery.deliveryId,
      why: whyNobody(delivery, wanted),
    })),
    comeBackAt: firstOf(
      left.flatMap(({ notBefore }) => Object.values(notBefore)).filter((at) => at !== null),
    ),
  };
}

function pairsOf<Place>(
  delivery: MatchDelivery<Place>,
  free: readonly MatchDriver<Place>[],
  { now, travel }: RoundInput<Place>,
): Pair[] {
  const { deliveryId, level, parcelSize, readyAt, notBefore, pickup } = delivery;
  return free
    .flatMap(({ driverId, vehicle, place, shiftEndsAt }) => {
      const until = notBefore[driverId];
      if (until === null || (until !== undefined && until > now) || !carries(vehicle, parcelSize)) return [];
      const travelMs = travel(place, pickup.place, vehicle);
      if (shiftEndsAt !== null && Math.max(now + travelMs, readyAt) >= shiftEndsAt) return [];
      return [{ deliveryId, driverId, level, travelMs }];
    })
    .sort(byUrgencyThenWay)
    .slice(0, KEPT);
}

function byUrgencyThenWay(a: Pair, b: Pair): number {
  return (
    b.level - a.level ||
    a.travelMs - b.travelMs ||
    compareText(a.driverId + a.deliveryId, b.driverId + b.deliveryId)
  );
}

/** Each driver and each delivery once. */
function taken(pairs: readonly Pair[]): MatchPair[] {
  const busy = new Set<string>();
  return pairs.flatMap(({ deliveryId, driverId, travelMs }) => {
    if (busy.has(deliveryId) || busy.has(driverId)) return [];
    busy.add(deliveryId).add(driverId);
    return [{ driverId, deliveryIds: [deliveryId], parts: [{ what: 'TIME_TO_PICKUP', costMs: travelMs }] }];
  });
}

function whyNobody<Place>(
  { deliveryId, notBefore }: MatchDelivery<Place>,
  wanted: ReadonlySet<string>,
): UnmatchedReason {
  if (wanted.has(deliveryId)) return 'OTHERS_FIRST';
  return Object.keys(notBefore).length > 0 ? 'ALL_EXCLUDED' : 'NOBODY_IN_REACH';
}

function firstOf(instants: readonly number[]): number | null {
  return instants.length === 0 ? null : Math.min(...instants);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

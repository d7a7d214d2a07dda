/** Invariant 4: every open delivery is searched, offered, carried or escalated, and none is stuck. Pure. */
import { type DueEvent, snapshotOf, nextDeadline } from '../../domain/delivery/deadline';
import { isBeforePickup } from '../../domain/delivery/status';
import type { DispatchLimits } from '../../domain/delivery/decisionContext';
import { ownNetMs } from '../../domain/matching/waiting';
import type { FeatureSetting } from '../../domain/features/rollout';
import type { Invariant, PendingViolation } from './violation';
import { CARRIED, offeredToNobody } from './deliveryRules';
import { Switched } from './featureRules';
import { isMatched, matchingSwitchedAt, roundViolations } from './matchingRules';
import { groupedBy } from './momentRules';
import type { ActiveAssignment, DutyDriver, LiveOffer, OpenDelivery, Snapshot, Unsent } from './snapshot';

/** The settings that determine deadlines. `features`: the defaults of the environment. */
export type WaitingSettings = {
  limits: Pick<DispatchLimits, 'searchMaxMs' | 'escalation' | 'matchingNetMs'> & { maxBackoffMs: number };
  features: readonly FeatureSetting[];
};

/**
 * Deliveries and messages in PostgreSQL that are stuck or overdue.
 * @param now when the snapshot was read, in epoch ms
 */
export function waitingViolations(
  { open, offers, assignments, drivers, unsent, switches, cities }: Snapshot,
  settings: WaitingSettings,
  now: number,
): PendingViolation[] {
  const features = new Switched(settings.features, switches);
  const offersOf = groupedBy(offers, ({ deliveryId }) => deliveryId);
  const assignmentsOf = groupedBy(assignments, ({ deliveryId }) => deliveryId);
  const driverOf = new Map(drivers.map((driver) => [driver.driverId, driver]));
  const deliveries = new Set(open.map(({ deliveryId }) => deliveryId));
  return [
    ...open.flatMap((delivery) =>
      deliveryViolations(
        delivery,
        {
          offers: offersOf.get(delivery.deliveryId) ?? [],
          assignments: assignmentsOf.get(delivery.deliveryId) ?? [],
          driverOf,
        },
        { settings, features, now },
      ),
    ),
    ...offers.flatMap((offer) => leftOffer(offer, driverOf.get(offer.driverId))),
    ...unsent.map((message) => unsentViolation(message, deliveries)),
    ...roundViolations({ open, cities }, features, settings.limits.matchingNetMs, now),
  ];
}

type Around = {
  offers: readonly LiveOffer[];
  assignments: readonly ActiveAssignment[];
  driverOf: ReadonlyMap<string, DutyDriver>;
};
type DecisionContext = { settings: WaitingSettings; features: Switched; now: number };

function deliveryViolations(
  delivery: OpenDelivery,
  { offers, assignments, driverOf }: Around,
  context: DecisionContext,
): PendingViolation[] {
  const say = pendingViolationOf(delivery.deliveryId);
  const nobody = offeredToNobody(delivery, offers.length);
  if (nobody) return [{ ...nobody, key: `offered to nobody ${delivery.deliveryId}`, since: null }];
  if (CARRIED.includes(delivery.status))
    return assignments.flatMap(({ driverId }) => leftDelivery(delivery, driverOf.get(driverId)));
  if (delivery.heldReason !== null && !delivery.hasOpenCase)
    return [say('held', `the search waits for ops (${delivery.heldReason}), but has no open case`)];
  return [...overdue(delivery, offers, context), ...notLookedFor(delivery, context)];
}

const INVARIANT_OF: Readonly<Record<DueEvent['kind'], Invariant>> = {
  lookForDriver: 4,
  lapseOffer: 6,
  giveUpSearch: 4,
  escalate: 4,
};

/** The next deadline has passed, or there is none. */
function overdue(
  delivery: OpenDelivery,
  offers: readonly LiveOffer[],
  { settings: { limits }, features, now }: DecisionContext,
): PendingViolation[] {
  const say = pendingViolationOf(delivery.deliveryId);
  const escalates = features.isOn('escalation', delivery);
  const deadline = nextDeadline(
    snapshotOf({ delivery, offers: offers.map((offer) => ({ ...offer, state: 'LIVE' as const })) }, limits, {
      escalation: escalates,
      batchMatching: false,
    }),
  );
  if (!deadline)
    return delivery.heldReason === null
      ? [say('nothing', `the delivery is ${delivery.status} and has no next deadline`)]
      : [];
  // What was overdue when a switch changed counts from that change on.
  const since = Math.max(deadline.at, features.switchedAt('escalation'));
  if (since > now) return [];
  return [
    {
      ...say(
        `overdue ${deadline.at} ${deadline.event.kind}`,
        `the delivery is ${delivery.status}; due since ${iso(deadline.at)}: ${deadline.why}`,
      ),
      invariant: INVARIANT_OF[deadline.event.kind],
      since,
    },
  ];
}

/**
 * A search repeats within the longest backoff, or begins at its start time; a later search counts as none. Where the
 * city's matching looks for the driver, a net of its own is far away. Once it does so no more, the delivery is woken
 * within the net of the city.
 */
function notLookedFor(
  delivery: OpenDelivery,
  { settings: { limits }, features, now }: DecisionContext,
): PendingViolation[] {
  const { deliveryId, status, searchAt, searchAgainAt, heldReason } = delivery;
  const withinMs = isMatched(features, delivery)
    ? Math.max(limits.maxBackoffMs, ownNetMs(limits.matchingNetMs))
    : limits.maxBackoffMs;
  const latest = Math.max(now + withinMs, searchAt);
  const isPutOff =
    status === 'SEARCHING' && heldReason === null && searchAgainAt !== null && searchAgainAt > latest;
  if (!isPutOff) return [];
  const wokenAt = matchingSwitchedAt(features) + limits.matchingNetMs;
  if (wokenAt > now) return [];
  return [
    {
      ...pendingViolationOf(deliveryId)(
        `put off ${searchAgainAt}`, // another search since then has put off another one
        `the delivery is SEARCHING, but its next search is only at ${iso(searchAgainAt)}`,
      ),
      since: wokenAt === -Infinity ? null : wokenAt,
    },
  ];
}

/**
 * A driver who goes off duty before pickup loses the delivery: the search resumes, or ops get a case. After
 * pickup ops get a case, and the driver keeps the delivery until they decide.
 */
function leftDelivery(
  { deliveryId, status }: OpenDelivery,
  driver: DutyDriver | undefined,
): PendingViolation[] {
  if (!driver || !isBeforePickup(status) || isOnDuty(driver)) return [];
  return [
    pendingViolationOf(deliveryId, driver.driverId)(
      'left',
      `the delivery is ${status} with driver ${driver.driverId}, who is ${driver.availability}`,
    ),
  ];
}

function leftOffer(
  { offerId, deliveryId, driverId }: LiveOffer,
  driver: DutyDriver | undefined,
): PendingViolation[] {
  if (!driver || (isOnDuty(driver) && !driver.hasPendingChange)) return [];
  const state = driver.hasPendingChange
    ? `${driver.availability}, and about to go off duty`
    : driver.availability;
  return [
    {
      ...pendingViolationOf(deliveryId, driverId)(
        `left offer ${offerId}`,
        `offer ${offerId} is LIVE, but its driver is ${state}`,
      ),
      invariant: 6,
    },
  ];
}

function isOnDuty({ availability }: DutyDriver): boolean {
  return availability === 'AVAILABLE' || availability === 'BUSY';
}

function unsentViolation(
  { id, kind, key, dueAt }: Unsent,
  deliveries: ReadonlySet<string>,
): PendingViolation {
  const deliveryId = deliveries.has(key) ? key : null;
  return {
    ...pendingViolationOf(deliveryId)(
      `unsent ${id}`,
      `message ${id} (${kind} of ${key}) has been in the outbox since ${iso(dueAt)}`,
    ),
    since: dueAt,
  };
}

function pendingViolationOf(
  deliveryId: string | null,
  driverId: string | null = null,
): (key: string, what: string) => PendingViolation {
  return (key, what) => ({
    invariant: 4,
    what,
    deliveryId,
    driverId,
    key: `${deliveryId ?? ''} ${driverId ?? ''} ${key}`,
    since: null,
  });
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

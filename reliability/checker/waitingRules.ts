/**
 * Invariant 4: every open delivery is searched, offered, carried or escalated, and nothing waits for what
 * does not come. Pure.
 */
import { type DueEvent, snapshotOf, nextDeadline } from '../../domain/delivery/deadline';
import { isBeforePickup } from '../../domain/delivery/status';
import type { DispatchLimits } from '../../domain/delivery/decisionContext';
import { effectiveSetting } from '../../domain/features/featureOverride';
import { decideFeature, type FeatureSetting } from '../../domain/features/rollout';
import type { Invariant, Suspicion } from './broken';
import { CARRIED, offeredToNobody } from './deliveryRules';
import { groupedBy } from './momentRules';
import type {
  ActiveAssignment,
  DutyDriver,
  EscalationSwitch,
  LiveOffer,
  OpenDelivery,
  Snapshot,
  Unsent,
} from './snapshot';

/**
 * How the service is set, as far as it says what comes when. `escalation`: as the environment sets the
 * feature.
 */
export type WaitingSettings = {
  limits: Pick<DispatchLimits, 'searchMaxMs' | 'escalation'> & { maxBackoffMs: number };
  escalation: FeatureSetting;
};

/**
 * What waits for nothing, or for what should have come by now, as PostgreSQL says it.
 * @param now when that was read, in epoch ms
 */
export function waitingSuspicions(
  { open, offers, assignments, drivers, unsent, escalation }: Snapshot,
  settings: WaitingSettings,
  now: number,
): Suspicion[] {
  const offersOf = groupedBy(offers, ({ deliveryId }) => deliveryId);
  const assignmentsOf = groupedBy(assignments, ({ deliveryId }) => deliveryId);
  const driverOf = new Map(drivers.map((driver) => [driver.driverId, driver]));
  const deliveries = new Set(open.map(({ deliveryId }) => deliveryId));
  return [
    ...open.flatMap((delivery) =>
      deliverySuspicions(
        delivery,
        {
          offers: offersOf.get(delivery.deliveryId) ?? [],
          assignments: assignmentsOf.get(delivery.deliveryId) ?? [],
          driverOf,
        },
        { settings, escalation, now },
      ),
    ),
    ...offers.flatMap((offer) => leftOffer(offer, driverOf.get(offer.driverId))),
    ...unsent.map((message) => unsentSuspicion(message, deliveries)),
  ];
}

type Around = {
  offers: readonly LiveOffer[];
  assignments: readonly ActiveAssignment[];
  driverOf: ReadonlyMap<string, DutyDriver>;
};
type DecisionContext = { settings: WaitingSettings; escalation: EscalationSwitch | null; now: number };

function deliverySuspicions(
  delivery: OpenDelivery,
  { offers, assignments, driverOf }: Around,
  context: DecisionContext,
): Suspicion[] {
  const say = suspicionOf(delivery.deliveryId);
  const nobody = offeredToNobody(delivery, offers.length);
  if (nobody) return [{ ...nobody, key: `offered to nobody ${delivery.deliveryId}`, since: null }];
  if (CARRIED.includes(delivery.status))
    return assignments.flatMap(({ driverId }) => leftDelivery(delivery, driverOf.get(driverId)));
  if (delivery.heldReason !== null && !delivery.hasOpenCase)
    return [say('held', `the search waits for ops (${delivery.heldReason}), who have no case of it`)];
  return [...overdue(delivery, offers, context), ...notLookedFor(delivery, context)];
}

const INVARIANT_OF: Readonly<Record<DueEvent['kind'], Invariant>> = {
  lookForDriver: 4,
  lapseOffer: 6,
  giveUpSearch: 4,
  escalate: 4,
};

/** The next thing that happens by itself should have happened, or there is none. */
function overdue(
  delivery: OpenDelivery,
  offers: readonly LiveOffer[],
  { settings: { limits, escalation }, escalation: switched, now }: DecisionContext,
): Suspicion[] {
  const say = suspicionOf(delivery.deliveryId);
  const setting = switched ? effectiveSetting(escalation, switched) : escalation;
  const escalates = decideFeature(setting, { cityId: delivery.cityId, key: delivery.deliveryId }).on;
  const deadline = nextDeadline(
    snapshotOf(
      { delivery, offers: offers.map((offer) => ({ ...offer, state: 'LIVE' as const })) },
      limits,
      escalates,
    ),
  );
  if (!deadline)
    return delivery.heldReason === null
      ? [say('nothing', `the delivery is ${delivery.status} and waits for nothing`)]
      : [];
  // What was overdue when a switch was thrown is due from then on.
  const since = Math.max(deadline.at, switched?.at ?? -Infinity);
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
 * A search comes again within the longest wait between two, or begins when its time comes: what is put off
 * further is not being searched for.
 */
function notLookedFor(
  { deliveryId, status, searchAt, searchAgainAt, heldReason }: OpenDelivery,
  { settings: { limits }, now }: DecisionContext,
): Suspicion[] {
  const latest = Math.max(now + limits.maxBackoffMs, searchAt);
  const isPutOff =
    status === 'SEARCHING' && heldReason === null && searchAgainAt !== null && searchAgainAt > latest;
  return isPutOff
    ? [
        suspicionOf(deliveryId)(
          'put off',
          `the delivery is SEARCHING, and not looked for until ${iso(searchAgainAt)}`,
        ),
      ]
    : [];
}

/**
 * Who has it before pickup and went off duty is lost: the search goes on, or ops are asked. After pickup ops
 * are asked as well, and the driver keeps it until they answer.
 */
function leftDelivery({ deliveryId, status }: OpenDelivery, driver: DutyDriver | undefined): Suspicion[] {
  if (!driver || !isBeforePickup(status) || isOnDuty(driver)) return [];
  return [
    suspicionOf(deliveryId, driver.driverId)(
      'left',
      `the delivery is ${status} with driver ${driver.driverId}, who is ${driver.availability}`,
    ),
  ];
}

function leftOffer(
  { offerId, deliveryId, driverId }: LiveOffer,
  driver: DutyDriver | undefined,
): Suspicion[] {
  if (!driver || (isOnDuty(driver) && !driver.hasWish)) return [];
  const state = driver.hasWish ? `${driver.availability}, and about to leave` : driver.availability;
  return [
    {
      ...suspicionOf(deliveryId, driverId)(
        `left offer ${offerId}`,
        `offer ${offerId} is LIVE, and its driver is ${state}`,
      ),
      invariant: 6,
    },
  ];
}

function isOnDuty({ availability }: DutyDriver): boolean {
  return availability === 'AVAILABLE' || availability === 'BUSY';
}

function unsentSuspicion({ id, kind, key, dueAt }: Unsent, deliveries: ReadonlySet<string>): Suspicion {
  const deliveryId = deliveries.has(key) ? key : null;
  return {
    ...suspicionOf(deliveryId)(
      `unsent ${id}`,
      `message ${id} (${kind} of ${key}) lies in the outbox since ${iso(dueAt)}`,
    ),
    since: dueAt,
  };
}

function suspicionOf(
  deliveryId: string | null,
  driverId: string | null = null,
): (key: string, what: string) => Suspicion {
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

import type { DeliveryStatus, Step } from '../../domain/delivery/status';
import type { RecordedAssignment, RecordedDelivery } from '../kit/record';

/**
 * A request that the service acknowledged. The result must survive every later crash
 * (docs/architecture.md#invariants, invariant 2).
 */
export type Acknowledged =
  | { kind: 'posted'; deliveryId: string; sellerOrderId: string }
  | { kind: 'accepted'; deliveryId: string; offerId: string; driverId: string; assignmentId: string }
  | { kind: 'rejected'; deliveryId: string; offerId: string; driverId: string }
  | { kind: 'step'; deliveryId: string; driverId: string; step: Step }
  | { kind: 'failed'; deliveryId: string; driverId: string }
  | { kind: 'cancelled'; deliveryId: string }
  | { kind: 'gaveUp'; deliveryId: string; driverId: string }
  | { kind: 'manualAssignment'; deliveryId: string; driverId: string; assignmentId: string }
  /** Another action of ops, by its entry in the audit trail. */
  | { kind: 'opsAction'; deliveryId: string; entry: 'pay_raised' | 'search_resumed' | 'case_acknowledged' };

/** All acknowledged results of a run. */
export class Ledger {
  private entries: Acknowledged[] = [];

  add(acknowledged: Acknowledged): void {
    this.entries.push(acknowledged);
  }

  all(): readonly Acknowledged[] {
    return this.entries;
  }

  /** Drops all entries, in a run that is not judged. */
  forget(): void {
    this.entries = [];
  }
}

/**
 * Acknowledged results that are missing from the record or contradict it, as sentences.
 */
export function lostAcknowledgements(
  acknowledged: readonly Acknowledged[],
  record: readonly RecordedDelivery[],
): string[] {
  return lostAmong(acknowledged, record).map(
    ({ promise: { kind, deliveryId }, problem }) => `${kind} of delivery ${deliveryId}: ${problem}`,
  );
}

/** The same, with the promise itself. */
export function lostAmong(
  acknowledged: readonly Acknowledged[],
  record: readonly RecordedDelivery[],
): { promise: Acknowledged; problem: string }[] {
  const byId = new Map(record.map((delivery) => [delivery.deliveryId, delivery]));
  return acknowledged.flatMap((promise) => {
    const delivery = byId.get(promise.deliveryId);
    const problem = delivery ? whatIsLost(promise, delivery) : 'the delivery is not in the record';
    return problem === null ? [] : [{ promise, problem }];
  });
}

function whatIsLost(acknowledged: Acknowledged, delivery: RecordedDelivery): string | null {
  switch (acknowledged.kind) {
    case 'posted':
      return delivery.sellerOrderId === acknowledged.sellerOrderId
        ? null
        : `it stands for order ${delivery.sellerOrderId}, not ${acknowledged.sellerOrderId}`;
    case 'accepted':
      return lostAccept(acknowledged, delivery);
    case 'rejected':
      return offerProblem(delivery, acknowledged, 'REJECTED');
    case 'step':
      return lostStep(acknowledged, delivery);
    case 'failed':
      return ['FAILED', 'RETURNING', 'RETURNED'].includes(delivery.status)
        ? null
        : `it is ${delivery.status}`;
    case 'cancelled':
      return delivery.status === 'CANCELLED' ? null : `it is ${delivery.status}`;
    case 'gaveUp':
      return delivery.assignments.some(
        ({ driverId, state }) => driverId === acknowledged.driverId && state === 'LOST',
      )
        ? null
        : `driver ${acknowledged.driverId} is not in the record as lost`;
    case 'manualAssignment':
      return lostManualAssignment(acknowledged, delivery);
    case 'opsAction':
      return delivery.moves.some(({ kind }) => kind === acknowledged.entry)
        ? null
        : `${acknowledged.entry} is not in the audit trail`;
  }
}

function lostManualAssignment(
  { assignmentId, driverId }: Extract<Acknowledged, { kind: 'manualAssignment' }>,
  { assignments }: RecordedDelivery,
): string | null {
  const made = assignments.find((each) => each.assignmentId === assignmentId);
  if (!made) return `assignment ${assignmentId} is not in the record`;
  // A driver who already had the delivery keeps the assignment as it was, and is pinned.
  return made.driverId === driverId
    ? null
    : `assignment ${assignmentId} is driver ${made.driverId}'s, by ${made.way}`;
}

function offerProblem(
  delivery: RecordedDelivery,
  { offerId, driverId }: { offerId: string; driverId: string },
  wanted: 'ACCEPTED' | 'REJECTED',
): string | null {
  const offer = delivery.offers.find((each) => each.offerId === offerId);
  if (!offer) return `offer ${offerId} is not in the record`;
  if (offer.driverId !== driverId) return `offer ${offerId} is driver ${offer.driverId}'s, not ${driverId}'s`;
  return offer.state === wanted ? null : `offer ${offerId} is ${offer.state}, not ${wanted}`;
}

function lostAccept(
  accepted: Extract<Acknowledged, { kind: 'accepted' }>,
  delivery: RecordedDelivery,
): string | null {
  const problem = offerProblem(delivery, accepted, 'ACCEPTED');
  if (problem) return problem;
  const assignment = delivery.assignments.find(({ assignmentId }) => assignmentId === accepted.assignmentId);
  if (!assignment) return `assignment ${accepted.assignmentId} is not in the record`;
  return assignment.driverId === accepted.driverId && assignment.offerId === accepted.offerId
    ? null
    : `assignment ${accepted.assignmentId} is another driver's or of another offer`;
}

function lostStep(
  { step, driverId }: Extract<Acknowledged, { kind: 'step' }>,
  delivery: RecordedDelivery,
): string | null {
  const done = delivery.assignments.some(
    (assignment) => assignment.driverId === driverId && isDone(step, assignment, delivery.status),
  );
  return done ? null : `${step} by driver ${driverId} is not in the record`;
}

function isDone(step: Step, assignment: RecordedAssignment, status: DeliveryStatus): boolean {
  switch (step) {
    case 'arriveAtPickup':
      return assignment.atPickupAt !== null;
    case 'pickUp':
      return assignment.pickedUpAt !== null;
    case 'arriveAtDropoff':
      return assignment.atDropoffAt !== null;
    case 'deliver':
      return status === 'DELIVERED' && assignment.state === 'COMPLETED';
    case 'returnGoods':
      return status === 'RETURNED' && assignment.state === 'COMPLETED';
  }
}

/**
 * The state of an offer as a driver app observed it. `at` (epoch ms): for `live`, when the app sent the
 * request; for `over`, when it learned of the end.
 */
export type OfferObservation = {
  offerId: string;
  deliveryId: string | null;
  driverId: string;
  state: 'live' | 'over';
  at: number;
};

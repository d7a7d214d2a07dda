/**
 * Rules for one delivery, whenever its rows are read in one snapshot. Pure. Used by the race tests and the
 * checker.
 */
import { DELIVERY_TRANSITIONS, type DeliveryStatus, STEPS } from '../../domain/delivery/status';
import type { OfferKind } from '../../domain/delivery/offer';
import type {
  RecordedAssignment,
  RecordedDelivery,
  RecordedMove,
  RecordedOffer,
} from '../../simulator/kit/record';
import type { Violation, Invariant } from './violation';

/** States in which a driver has the delivery. */
export const CARRIED: readonly DeliveryStatus[] = [
  'ASSIGNED',
  'AT_PICKUP',
  'PICKED_UP',
  'AT_DROPOFF',
  'RETURNING',
];

const isLive = ({ state }: RecordedOffer): boolean => state === 'LIVE';
const isActive = ({ state }: RecordedAssignment): boolean => state === 'ACTIVE';

type Named = Pick<RecordedDelivery, 'deliveryId' | 'status' | 'driverId'>;
type LiveOffer = { driverId: string; kind: OfferKind };
type ActiveAssignment = { driverId: string };

const say =
  (deliveryId: string) =>
  (invariant: Invariant, what: string, driverId: string | null = null): Violation => ({
    invariant,
    what,
    deliveryId,
    driverId,
  });

/** All rules for its rows: offers, assignments, and how they ended. */
export function rowProblems(delivery: RecordedDelivery): Violation[] {
  return [
    ...holdProblems(delivery, delivery.offers.filter(isLive), delivery.assignments.filter(isActive)),
    ...offerProblems(delivery),
    ...stepProblems(delivery),
  ];
}

/**
 * A delivery has at most one live single offer or one broadcast, and at most one active assignment. Its
 * status agrees with them (invariant 1).
 */
export function holdProblems(
  { deliveryId, status, driverId }: Named,
  live: readonly LiveOffer[],
  active: readonly ActiveAssignment[],
): Violation[] {
  const broken = say(deliveryId);
  const problems: Violation[] = [];
  if (live.length > 1 && live.some(({ kind }) => kind === 'SINGLE'))
    problems.push(broken(1, `${live.length} live offers that are not one broadcast`));
  if (active.length > 1) problems.push(broken(1, `${active.length} active assignments`));
  if (live.length > 0 && status !== 'OFFERED')
    problems.push(broken(1, `the delivery is ${status} with ${live.length} live offers`));
  if (active.length > 0 !== CARRIED.includes(status))
    problems.push(broken(1, `the delivery is ${status} with ${active.length} active assignments`));
  if (active[0] && active[0].driverId !== driverId)
    problems.push(
      broken(
        1,
        `the delivery's driver is ${driverId ?? 'none'}, its assignment's is ${active[0].driverId}`,
        active[0].driverId,
      ),
    );
  return problems;
}

/**
 * Allowed briefly where another delivery's change withdrew the offer: the delivery is signalled, and
 * searches.
 */
export function offeredToNobody({ deliveryId, status }: Named, live: number): Violation | null {
  return status === 'OFFERED' && live === 0
    ? say(deliveryId)(4, 'the delivery is OFFERED with 0 live offers')
    : null;
}

function offerProblems({ deliveryId, offers, assignments }: RecordedDelivery): Violation[] {
  const broken = say(deliveryId);
  return offers.flatMap(({ offerId, driverId, state, expiresAt, endedAt }): Violation[] => {
    const made = assignments.filter((assignment) => assignment.offerId === offerId);
    if ((endedAt === null) !== (state === 'LIVE'))
      return [
        broken(
          6,
          `offer ${offerId} is ${state}, and ${endedAt === null ? 'never ended' : 'has ended'}`,
          driverId,
        ),
      ];
    if (state === 'EXPIRED' && (endedAt ?? 0) < expiresAt)
      return [
        broken(6, `offer ${offerId} expired ${expiresAt - (endedAt ?? 0)} ms before its time`, driverId),
      ];
    if (state !== 'ACCEPTED')
      return made.length === 0
        ? []
        : [broken(2, `offer ${offerId} is ${state}, but has an assignment`, driverId)];
    return made.length === 1 && made[0]?.driverId === driverId
      ? []
      : [broken(2, `offer ${offerId} is ACCEPTED with ${made.length} assignments`, driverId)];
  });
}

const STEP_MOVES = new Set(Object.values(STEPS).map(({ from, to }) => `${from}>${to}`));

/** A driver reports each step once per assignment (invariant 2). */
function stepProblems({ deliveryId, assignments, moves }: RecordedDelivery): Violation[] {
  const done = new Map<string, { count: number; driverId: string; to: string }>();
  for (const { kind, from, to, driverId } of moves) {
    if (
      kind !== 'delivery_moved' ||
      driverId === null ||
      to === null ||
      !STEP_MOVES.has(`${from ?? ''}>${to}`)
    )
      continue;
    const key = `${driverId} ${to}`;
    done.set(key, { driverId, to, count: (done.get(key)?.count ?? 0) + 1 });
  }
  const timesOf = (driverId: string): number =>
    assignments.filter((each) => each.driverId === driverId).length;
  return [...done.values()]
    .filter(({ count, driverId }) => count > timesOf(driverId))
    .map(({ count, driverId, to }) =>
      say(deliveryId)(
        2,
        `the driver reported ${to} ${count} times over ${timesOf(driverId)} assignments`,
        driverId,
      ),
    );
}

/**
 * Every change has its audit entry and every entry its change (invariant 7). An offer ends once (invariant
 * 6).
 * @param delivery with its entries in order, and those in which other deliveries ended its offers
 */
export function trailProblems({
  deliveryId,
  status,
  offers,
  moves,
}: Pick<RecordedDelivery, 'deliveryId' | 'status' | 'offers' | 'moves'>): Violation[] {
  return [
    ...pathProblems(moves, status).map((what) => say(deliveryId)(7, what)),
    ...offers.flatMap((offer) => offerEntryProblems(deliveryId, offer, moves)),
  ];
}

/** The moves lead from PENDING to the status of the row without a gap, and each is legal. */
export function pathProblems(
  moves: readonly Pick<RecordedMove, 'kind' | 'from' | 'to'>[],
  status: string,
): string[] {
  const problems: string[] = [];
  let at: string = 'PENDING';
  for (const { from, to } of moves.filter(({ kind }) => kind === 'delivery_moved')) {
    if (from !== at)
      problems.push(`the audit trail moves from ${from ?? 'nothing'}, but the last state was ${at}`);
    else if (!isLegal(from, to))
      problems.push(`the audit trail moves from ${from} to ${to ?? 'nothing'}, an illegal move`);
    at = to ?? 'nothing';
  }
  return at === status
    ? problems
    : [...problems, `the audit trail ends with ${at}, the delivery is ${status}`];
}

function isLegal(from: string, to: string | null): boolean {
  return DELIVERY_TRANSITIONS.some((each) => each.from === from && each.to === to);
}

function offerEntryProblems(
  deliveryId: string,
  { offerId, driverId, state }: RecordedOffer,
  moves: readonly RecordedMove[],
): Violation[] {
  const entries = moves.filter((move) => move.offerId === offerId).map(({ kind }) => kind);
  const wanted = state === 'LIVE' ? ['offer_created'] : ['offer_created', `offer_${state.toLowerCase()}`];
  if (entries.join() === wanted.join()) return [];
  const endedTwice = entries.filter((kind) => kind !== 'offer_created').length > 1;
  return [
    say(deliveryId)(
      endedTwice ? 6 : 7,
      `offer ${offerId} is ${state}; its audit entries are [${entries.join(', ')}]`,
      driverId,
    ),
  ];
}

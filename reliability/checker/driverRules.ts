/**
 * Rules for one driver, whenever their row is read in one snapshot with their offers and assignments. Pure.
 * Used by the race tests and the checker.
 */
import { AVAILABILITY_TRANSITIONS } from '../../domain/driver/availability';
import type { RecordedDriver, RecordedMove } from '../../simulator/kit/record';
import type { Violation, Invariant } from './violation';

/** The offers and assignments of a driver, counted from their rows. `isTrip`: all live offers are of one trip. */
export type Held = { live: number; active: number; isTrip?: boolean };

/** Whether these live offers of a driver are those of one trip, each in a seat of its own. */
export function areOneTrip(offers: readonly { tripId: string | null; tripSeat: number }[]): boolean {
  const [first] = offers;
  if (!first || first.tripId === null) return false;
  const seats = new Set(offers.map(({ tripSeat }) => tripSeat));
  return seats.size === offers.length && offers.every(({ tripId }) => tripId === first.tripId);
}

const say =
  (driverId: string) =>
  (invariant: Invariant, what: string): Violation => ({ invariant, what, deliveryId: null, driverId });

/**
 * The counters equal the rows and stay within capacity and the next job. A driver has at most one live offer,
 * or those of one trip. BUSY drivers have work; AVAILABLE drivers have none (invariant 1).
 */
export function countProblems(
  { driverId, availability, capacity, nextSlots, liveOffers, activeAssignments }: RecordedDriver,
  { live, active, isTrip = false }: Held,
): Violation[] {
  const broken = say(driverId);
  const problems: Violation[] = [];
  if (live > 1 && !isTrip) problems.push(broken(1, `driver ${driverId} has ${live} live offers`));
  if (liveOffers !== live)
    problems.push(broken(1, `driver ${driverId} counts ${liveOffers} live offers; the rows: ${live}`));
  if (activeAssignments !== active)
    problems.push(
      broken(1, `driver ${driverId} counts ${activeAssignments} active assignments; the rows: ${active}`),
    );
  if (Math.max(live + active, liveOffers + activeAssignments) > capacity + nextSlots)
    problems.push(broken(1, `driver ${driverId} exceeds their capacity of ${capacity}`));
  const isAsCounted =
    availability === 'BUSY' ? activeAssignments > 0 : availability !== 'AVAILABLE' || activeAssignments === 0;
  if (!isAsCounted)
    problems.push(
      broken(1, `driver ${driverId} is ${availability} with ${activeAssignments} active assignments`),
    );
  return problems;
}

/**
 * Off duty or on a break, but with work. Allowed briefly, until the delivery is signalled that its driver
 * left.
 */
export function workWithoutDuty({
  driverId,
  availability,
  activeAssignments,
}: RecordedDriver): Violation | null {
  const isOff = availability !== 'BUSY' && availability !== 'AVAILABLE';
  return isOff && activeAssignments > 0
    ? say(driverId)(4, `driver ${driverId} is ${availability} with ${activeAssignments} active assignments`)
    : null;
}

/**
 * Every change of availability has its audit entry and every entry its change (invariant 7).
 * @param moves the entries of the driver's chain, in order
 */
export function availabilityProblems(
  { driverId, availability }: Pick<RecordedDriver, 'driverId' | 'availability'>,
  moves: readonly Pick<RecordedMove, 'kind' | 'from' | 'to'>[],
): Violation[] {
  const problems: Violation[] = [];
  let at: string | null = null;
  for (const { kind, from, to } of moves) {
    if (kind !== 'availability_changed' && kind !== 'driver_registered') continue;
    if (kind === 'availability_changed' && from !== (at ?? from))
      problems.push(
        say(driverId)(
          7,
          `the audit trail changes from ${from ?? 'nothing'}, but the last state was ${at ?? 'nothing'}`,
        ),
      );
    if (from !== null && from !== to && !isLegal(from, to))
      problems.push(
        say(driverId)(7, `the audit trail changes from ${from} to ${to ?? 'nothing'}, an illegal change`),
      );
    at = to;
  }
  return at === null || at === availability
    ? problems
    : [...problems, say(driverId)(7, `the audit trail ends with ${at}, the driver is ${availability}`)];
}

function isLegal(from: string, to: string | null): boolean {
  return AVAILABILITY_TRANSITIONS.some((each) => each.from === from && each.to === to);
}

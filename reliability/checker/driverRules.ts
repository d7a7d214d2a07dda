/**
 * What must be so of one driver whenever their row is read in one snapshot with what they hold. Pure; the
 * races and the checker judge by the same rules.
 */
import { AVAILABILITY_TRANSITIONS } from '../../domain/driver/availability';
import type { RecordedDriver, RecordedMove } from '../../simulator/kit/record';
import type { Broken, Invariant } from './broken';

/** What the rows of offers and assignments say of a driver. */
export type Held = { live: number; active: number };

const say =
  (driverId: string) =>
  (invariant: Invariant, what: string): Broken => ({ invariant, what, deliveryId: null, driverId });

/**
 * The counters are those of the rows, within capacity; one offer at a time; and who is BUSY has work, who is
 * AVAILABLE none (invariant 1).
 */
export function countProblems(
  { driverId, availability, capacity, liveOffers, activeAssignments }: RecordedDriver,
  { live, active }: Held,
): Broken[] {
  const broken = say(driverId);
  const problems: Broken[] = [];
  if (live > 1) problems.push(broken(1, `driver ${driverId} has ${live} live offers`));
  if (liveOffers !== live)
    problems.push(broken(1, `driver ${driverId} counts ${liveOffers} live offers, the rows ${live}`));
  if (activeAssignments !== active)
    problems.push(
      broken(1, `driver ${driverId} counts ${activeAssignments} active assignments, the rows ${active}`),
    );
  if (Math.max(live + active, liveOffers + activeAssignments) > capacity)
    problems.push(broken(1, `driver ${driverId} holds more than their capacity of ${capacity}`));
  const isAsCounted =
    availability === 'BUSY' ? activeAssignments > 0 : availability !== 'AVAILABLE' || activeAssignments === 0;
  if (!isAsCounted)
    problems.push(
      broken(1, `driver ${driverId} is ${availability} with ${activeAssignments} active assignments`),
    );
  return problems;
}

/**
 * Off duty, or at rest, with work: so for a moment, until the delivery has been told that its driver left.
 */
export function workWithoutDuty({
  driverId,
  availability,
  activeAssignments,
}: RecordedDriver): Broken | null {
  const isOff = availability !== 'BUSY' && availability !== 'AVAILABLE';
  return isOff && activeAssignments > 0
    ? say(driverId)(4, `driver ${driverId} is ${availability} with ${activeAssignments} active assignments`)
    : null;
}

/**
 * Every change of availability has its entry, every entry its change (invariant 7).
 * @param moves the entries of the driver's chain, in its order
 */
export function availabilityProblems(
  { driverId, availability }: Pick<RecordedDriver, 'driverId' | 'availability'>,
  moves: readonly Pick<RecordedMove, 'kind' | 'from' | 'to'>[],
): Broken[] {
  const problems: Broken[] = [];
  let at: string | null = null;
  for (const { kind, from, to } of moves) {
    if (kind !== 'availability_changed' && kind !== 'driver_registered') continue;
    if (kind === 'availability_changed' && from !== (at ?? from))
      problems.push(
        say(driverId)(
          7,
          `the audit trail changes from ${from ?? 'nothing'} after it came to ${at ?? 'nothing'}`,
        ),
      );
    if (from !== null && from !== to && !isLegal(from, to))
      problems.push(
        say(driverId)(
          7,
          `the audit trail changes from ${from} to ${to ?? 'nothing'}, which is no legal change`,
        ),
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

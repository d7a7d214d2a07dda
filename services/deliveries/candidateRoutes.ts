import { type WorkingDriverRow } from '../../adapters/postgres/driverJobs';
import { type Point, stopAt, type TravelModel, travelMsFor } from '../../domain/geo/places';
import { nextJobOf } from '../../domain/matching/nextJob';
import { type DispatchLimits } from '../../domain/delivery/decisionContext';
import { routeModel } from '../../domain/driver/route';
import { type Candidate } from '../../domain/matching/candidate';
import { fitIntoRoute } from '../../domain/matching/routeFit';
import { type NearDriver } from '../ports';
import { type CandidateFacts, type DeliveryStore, type SearchFacts } from './deliveryStore';

type CandidateDeps = {
  store: Pick<DeliveryStore, 'workingDrivers'>;
  limits: Pick<DispatchLimits, 'tripMaxExtraMs' | 'nextJobAheadMs'>;
  travel: TravelModel;
  /** Divides travel times, as TIME_SCALE divides all durations. */
  timeScale: number;
};

/** `asNext`: whether a driver who is about to finish may be asked for it as their next job. */
type Wanted = { deliveryId: string; facts: SearchFacts; now: number; asNext: boolean };

/**
 * The candidates of a search. For drivers with work the time to the pickup is that in their route, and it is known
 * whether a customer would get theirs too late.
 */
export async function candidatesOf(
  deps: CandidateDeps,
  wanted: Wanted,
  near: readonly NearDriver[],
  known: readonly CandidateFacts[],
): Promise<Candidate[]> {
  const factsOf = new Map(known.map((facts) => [facts.driverId, facts]));
  const found = near.flatMap((each) => {
    const facts = factsOf.get(each.driverId);
    return facts ? [{ near: each, facts, candidate: onTheirWay(deps, each, facts) }] : [];
  });
  const busy = found.filter(({ facts: { hasWork, room } }) => hasWork && (room > 0 || wanted.asNext));
  const working = await deps.store.workingDrivers(busy.map(({ near: { driverId } }) => driverId));
  const routeOf = new Map(working.map((driver) => [driver.driverId, driver]));
  return found.map(({ near: { driverId, point }, candidate }) => {
    const driver = routeOf.get(driverId);
    if (!driver) return candidate;
    const fitted = candidate.room > 0 ? inTheirRoute : afterTheirJob;
    return fitted(deps, wanted, { ...driver, place: point }, candidate);
  });
}

function onTheirWay(
  { travel, timeScale }: CandidateDeps,
  { fixAt, distanceMeters: meters }: NearDriver,
  facts: CandidateFacts,
): Candidate {
  const travelMs = travelMsFor(meters, facts.vehicle, travel) / timeScale;
  return { ...facts, fixAt, distanceMeters: meters, travelMs };
}

type Working = WorkingDriverRow & { place: Point };

function afterTheirJob(
  { travel, timeScale, limits: { nextJobAheadMs: aheadMs } }: CandidateDeps,
  { facts: { pickup }, now }: Wanted,
  driver: Working,
  candidate: Candidate,
): Candidate {
  const next = nextJobOf(driver, pickup, { now, travel, timeScale, aheadMs });
  if (next === null) return candidate;
  const { afterDeliveryId: nextAfter, toPickupMs: travelMs, toPickupMeters: distanceMeters } = next;
  return { ...candidate, nextAfter, travelMs, distanceMeters, stopsBefore: 1 };
}

function inTheirRoute(
  { travel, timeScale, limits: { tripMaxExtraMs } }: CandidateDeps,
  { deliveryId, facts: { pickup, readyAt, windowTo, shown }, now }: Wanted,
  driver: Working,
  candidate: Candidate,
): Candidate {
  const model = routeModel(driver.vehicle, { travel, timeScale, tripMaxExtraMs }, now);
  const stops = { pickup: stopAt(pickup), dropoff: stopAt(shown.dropoff.point) };
  const fit = fitIntoRoute(driver, { deliveryId, ...stops, readyAt, windowTo }, model);
  if (fit === 'NO_ROOM') return { ...candidate, room: 0 };
  if (fit === 'TOO_LATE') return { ...candidate, isTooLate: true };
  return { ...candidate, travelMs: fit.toPickupMs, stopsBefore: fit.stopsBefore };
}

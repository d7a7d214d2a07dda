import {
  type FinishingRow,
  type MatchDriverRow,
  readFinishing,
  readMatchDrivers,
  type UnmatchedRow,
} from '../../adapters/postgres/matchingRows';
import { carriersOf } from '../../domain/driver/vehicles';
import { type Point, type TravelModel } from '../../domain/geo/places';
import { answersOffers, type RankingLimits } from '../../domain/matching/candidate';
import { expectedFreeAt } from '../../domain/matching/finishing';
import { isSoonEnough } from '../../domain/matching/nextJob';
import { type MatchDriver } from '../../domain/matching/round';
import { type DriverMap, type MapPart, type Read } from '../ports';
import { inPieces } from '../inPieces';
import { readMatchRoutes } from './matchRoutes';

export type RoundDriversDeps = {
  read: Read;
  map: Pick<DriverMap, 'near' | 'members' | 'readViews'>;
  limits: {
    ranking: RankingLimits;
    tripMaxExtraMs: number;
    nextJobAheadMs: number;
    search: { escalatedRadiusMeters: number };
  };
  travel: TravelModel;
  /** Divides travel times, as TIME_SCALE divides all durations. */
  timeScale: number;
};

/** The most drivers that a round reads. Those beyond have their turn when these are served. */
const MOST_DRIVERS = 1_000;
/** For so few deliveries the drivers near each are looked up, however many the city has. */
const FEW = 40;
const NEAR_EACH = 25;
const PAGE = 500;

/** `askable`: those of the drivers who may be asked now. */
export type RoundDrivers = { drivers: MatchDriver<Point>[]; askable: ReadonlySet<string> };

/** Drivers who are free now, drivers at work with room for more, and drivers on the last leg of their job. */
export async function driversFor(
  deps: RoundDriversDeps,
  cityId: string,
  waiting: readonly UnmatchedRow[],
  now: number,
): Promise<RoundDrivers> {
  const [onMap, withRoom, finishing] = await Promise.all([
    driversOnMap(deps, cityId, waiting, now),
    membersOf(deps.map, { kind: 'busy', cityId }),
    readFinishing(deps.read, { cityId, limit: MOST_DRIVERS }),
  ]);
  const ids = [...new Set([...onMap, ...withRoom, ...finishing.map(({ driverId }) => driverId)])];
  const [places, facts] = await Promise.all([
    placesOf(deps, ids, now),
    readMatchDrivers(deps.read, ids, now),
  ]);
  const busy = facts.filter(({ isAskable, hasWork }) => isAskable && hasWork);
  const routes = await readMatchRoutes(
    deps,
    busy.map(({ driverId }) => driverId),
    places,
    now,
  );
  const lastLegOf = new Map(finishing.map((row) => [row.driverId, row]));
  const askable = new Set<string>();
  const drivers = facts.flatMap((row) => {
    const place = places.get(row.driverId);
    if (place === undefined) return [];
    if (row.isAskable) {
      askable.add(row.driverId);
      return [driverOf(row, { freeAt: now, place, room: row.tripRoom, ...routes.get(row.driverId) })];
    }
    const lastLeg = lastLegOf.get(row.driverId);
    if (!lastLeg) return [];
    const driver = soonFree(deps, row, lastLeg, place, now);
    if (takesNext(deps, row, driver, now)) askable.add(row.driverId);
    return [driver];
  });
  return { drivers, askable };
}

/** Whether a driver on the last leg may be offered their next job now, by the same rule as in the search. */
function takesNext(
  { limits: { nextJobAheadMs: aheadMs } }: RoundDriversDeps,
  { capacity, offerVersion }: MatchDriverRow,
  { freeAt }: MatchDriver<Point>,
  now: number,
): boolean {
  return capacity === 1 && answersOffers(offerVersion) && isSoonEnough(freeAt, { now, aheadMs });
}

/** Near the pickups where few deliveries wait, else of the whole city. */
async function driversOnMap(
  { map, limits: { search } }: RoundDriversDeps,
  cityId: string,
  waiting: readonly UnmatchedRow[],
  now: number,
): Promise<string[]> {
  if (waiting.length > FEW) return membersOf(map, { kind: 'city', cityId });
  const near = await Promise.all(
    waiting.map(({ pickup: point, parcelSize, widenedToMeters }) =>
      map.near({
        cityId,
        point,
        radiusMeters: Math.max(search.escalatedRadiusMeters, widenedToMeters ?? 0),
        vehicles: carriersOf(parcelSize),
        limit: NEAR_EACH,
        now,
      }),
    ),
  );
  return near.flat().map(({ driverId }) => driverId);
}

async function membersOf(map: Pick<DriverMap, 'members'>, part: MapPart): Promise<string[]> {
  const found: string[] = [];
  for (let cursor: string | null = '0'; cursor !== null && found.length < MOST_DRIVERS;) {
    const page: Awaited<ReturnType<DriverMap['members']>> = await map.members(part, cursor);
    found.push(...page.driverIds);
    cursor = page.next;
  }
  return found.slice(0, MOST_DRIVERS);
}

/** Where each driver is who was heard of lately. */
async function placesOf(
  { map, limits }: RoundDriversDeps,
  driverIds: readonly string[],
  now: number,
): Promise<ReadonlyMap<string, Point>> {
  const places = new Map<string, Point>();
  for (const some of inPieces(driverIds, PAGE))
    for (const { driverId, entry, seenAt } of await map.readViews(some)) {
      const fix = entry?.lastFix;
      if (fix && now - (seenAt ?? fix.receivedAt) <= limits.ranking.freshPositionMs)
        places.set(driverId, fix.point);
    }
  return places;
}

function soonFree(
  { travel, timeScale }: RoundDriversDeps,
  row: MatchDriverRow,
  { status, dropoff }: FinishingRow,
  place: Point,
  now: number,
): MatchDriver<Point> {
  const { vehicle, capacity: room } = row;
  const freeAt = expectedFreeAt({ vehicle, place, status, dropoff }, { now, travel, timeScale });
  return driverOf(row, { freeAt, place: dropoff, room });
}

function driverOf(
  { driverId, vehicle, shiftEndsAt, idleSince, earnedTodayCents, accepted, refused }: MatchDriverRow,
  free: Pick<MatchDriver<Point>, 'freeAt' | 'place' | 'room' | 'route'>,
): MatchDriver<Point> {
  return {
    driverId,
    vehicle,
    shiftEndsAt,
    idleSince,
    earnedCents: earnedTodayCents,
    guaranteedCents: null,
    acceptOdds: (accepted + USUAL_ACCEPTED) / (accepted + refused + USUAL_ANSWERED),
    ...free,
  };
}

/** A driver of whom nothing is known accepts nine of ten. */
const USUAL_ACCEPTED = 9;
const USUAL_ANSWERED = 10;

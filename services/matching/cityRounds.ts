import {
  type FinishingRow,
  type MatchDriverRow,
  readFinishing,
  readMatchDrivers,
  readPastChoices,
  readUnmatched,
  type UnmatchedRow,
} from '../../adapters/postgres/matchingRows';
import { noteRound } from '../../adapters/postgres/guardRailRows';
import { readCityMatching } from '../../adapters/postgres/policyRows';
import { carriersOf } from '../../domain/driver/vehicles';
import { type Point, travelEstimateMs, type TravelModel } from '../../domain/geo/places';
import { answersOffers, type RankingLimits } from '../../domain/matching/candidate';
import { expectedFreeAt } from '../../domain/matching/finishing';
import { isSoonEnough } from '../../domain/matching/nextJob';
import { policyInForce, TURN_MS as POLICY_TURN_MS, type WeightChanges } from '../../domain/matching/policies';
import { notBeforeOf, type PastChoice } from '../../domain/matching/refusals';
import {
  type MatchDelivery,
  type MatchDriver,
  type MatchStop,
  type Round,
  type RoundInput,
} from '../../domain/matching/round';
import { happensAt, meantDelivery, meantDriver } from '../../domain/matching/scaledTime';
import { ROUND_WITHIN_MS } from '../../workflows/contract';
import {
  type Clock,
  type Dispatcher,
  type DriverMap,
  type Features,
  type Log,
  type MapPart,
  type NewId,
  type Read,
} from '../ports';
import { inTurns } from './inTurns';
import { isMatched } from './isMatched';
import { readMatchRoutes } from './matchRoutes';
import { roundSeconds, rounds } from './matchingMetrics';
import { type ShadowRounds } from './shadowRounds';

export type CityRoundsDeps = {
  read: Read;
  map: Pick<DriverMap, 'near' | 'members' | 'readViews'>;
  dispatcher: Pick<Dispatcher, 'propose'>;
  features: Features;
  /** Who is asked for what: pure, in short steps. `changes`: what the policy changes of the standard weights. */
  decide: (input: RoundInput<Point>, changes: WeightChanges) => Generator<void, Round>;
  /** Decides a second time where the city has a policy in shadow. */
  shadow: Pick<ShadowRounds, 'consider'>;
  clock: Clock;
  newId: NewId;
  limits: {
    ranking: RankingLimits;
    matchingNetMs: number;
    tripMaxExtraMs: number;
    nextJobAheadMs: number;
    search: { escalatedRadiusMeters: number };
  };
  travel: TravelModel;
  /** Divides travel times, as TIME_SCALE divides all durations. */
  timeScale: number;
  log: Pick<Log, 'warn'>;
};

/** `comeBackInMs`: when the next round is due if nothing changes before; null = nobody waits. */
export type RoundReport = {
  waiting: number;
  free: number;
  proposed: number;
  held: number;
  comeBackInMs: number | null;
};

/** What the owner of a city's matching calls. */
export type CityRounds = {
  /**
   * One round: reads who waits and who is free or soon will be, and proposes drivers. It may be repeated, and two may
   * run at once: each delivery's own transaction holds its driver, or does not.
   */
  runRound(city: { cityId: string; correlationId: string }): Promise<RoundReport>;
};

/** The most deliveries and drivers that a round reads. Those beyond have their turn when these are served. */
const MOST_WAITING = 2_000;
const MOST_DRIVERS = 1_000;
/** The most pairs that a round weighs, so that it is in time. The most urgent deliveries take part. */
const MOST_PAIRS = 1_000_000;
/** For so few deliveries the drivers near each are looked up, however many the city has. */
const FEW = 40;
const NEAR_EACH = 25;
const PAGE = 500;
/** How many proposals are sent at once. */
const AT_ONCE = 20;

export function createCityRounds(deps: CityRoundsDeps): CityRounds {
  return {
    runRound: async ({ cityId, correlationId }) => {
      const stop = roundSeconds.startTimer();
      try {
        const { outcome, ...report } = await round(deps, cityId, correlationId);
        rounds.inc({ outcome });
        return report;
      } catch (error) {
        rounds.inc({ outcome: 'failed' });
        await noteRound(deps.read, cityId, { at: deps.clock(), end: 'failed' }).catch(() => undefined); // also away
        throw error;
      } finally {
        stop();
      }
    },
  };
}

type Outcome = 'proposed' | 'held' | 'in_vain' | 'nobody_waits' | 'slow';

async function round(
  deps: CityRoundsDeps,
  cityId: string,
  correlationId: string,
): Promise<RoundReport & { outcome: Outcome }> {
  const { clock, features, read } = deps;
  const now = clock();
  const [rows, matching] = await Promise.all([
    readUnmatched(read, { cityId, limit: MOST_WAITING, now }),
    readCityMatching(read, cityId),
  ]);
  const turnMs = POLICY_TURN_MS / deps.timeScale;
  const live = policyInForce(matching, cityId, { at: now, turnMs });
  const waiting = rows.filter(({ deliveryId }) => isMatched(features, { cityId, deliveryId }));
  if (waiting.length === 0)
    return { waiting: 0, free: 0, proposed: 0, held: 0, comeBackInMs: null, outcome: 'nobody_waits' };
  const { drivers, askable: free } = await driversFor(deps, cityId, waiting, now);
  const input = free.size === 0 ? null : await inputOf(deps, waiting, drivers, now);
  const decided = input === null ? NOTHING : await inTurns(deps.decide(input, live.weights));
  const isLate = clock() - now > ROUND_WITHIN_MS;
  const offers = isLate ? [] : decided.offers.filter(({ driverId }) => free.has(driverId));
  const failed = await propose(deps, offers, correlationId);
  await noteRound(read, cityId, { at: clock(), end: isLate ? 'slow' : 'ended' });
  if (input && matching.shadow)
    deps.shadow.consider({
      cityId,
      input,
      askable: free,
      live: { policy: live, round: decided },
      policy: matching.shadow,
      tookMs: clock() - now,
    });
  const held = decided.held.length + decided.offers.length - offers.length;
  return {
    waiting: waiting.length,
    free: free.size,
    proposed: offers.length - failed,
    held,
    comeBackInMs: failed > 0 ? AFTER_FAILED_MS : comeBackInMs(deps, decided, now),
    outcome: isLate ? 'slow' : offers.length > 0 ? 'proposed' : held > 0 ? 'held' : 'in_vain',
  };
}

/** Nobody can be asked: who comes free is a change, and calls for a round. */
const NOTHING: Round = { offers: [], held: [], unmatched: [], comeBackAt: null };

/** The wait before a proposal that could not be sent is made again. */
const AFTER_FAILED_MS = 2_000;

/** While deliveries wait, rounds come often enough that none searches by itself. */
function comeBackInMs(
  { clock, timeScale, limits: { matchingNetMs } }: CityRoundsDeps,
  { comeBackAt }: Round,
  now: number,
): number {
  const latest = now + Math.round(matchingNetMs / 2);
  const at = comeBackAt === null ? latest : Math.min(happensAt(comeBackAt, now, timeScale), latest);
  return Math.max(0, at - clock());
}

// ---- deciding ----

/** The most urgent deliveries, as many as can be weighed. */
async function inputOf(
  deps: CityRoundsDeps,
  waiting: readonly UnmatchedRow[],
  drivers: readonly MatchDriver<Point>[],
  now: number,
): Promise<RoundInput<Point>> {
  const weighed = waiting.slice(0, Math.max(1, Math.floor(MOST_PAIRS / Math.max(1, drivers.length))));
  const past = await readPastChoices(
    deps.read,
    weighed.map(({ deliveryId }) => deliveryId),
  );
  const { travel, timeScale, limits } = deps;
  return {
    now,
    deliveries: weighed
      .map((row) => deliveryOf(row, past.get(row.deliveryId) ?? [], now, limits.ranking))
      .map((delivery) => meantDelivery(delivery, now, timeScale)),
    drivers: drivers.map((driver) => meantDriver(driver, now, timeScale)),
    travel: (from, to, vehicle) => travelEstimateMs(from, to, vehicle, travel),
  };
}

function deliveryOf(
  { pickup, dropoff, widenedToMeters: _, ...row }: UnmatchedRow,
  past: readonly PastChoice[],
  now: number,
  limits: RankingLimits,
): MatchDelivery<Point> {
  return {
    ...row,
    pickup: stopAt(pickup),
    dropoff: stopAt(dropoff),
    notBefore: notBeforeOf(past, row, now, limits),
  };
}

function stopAt(place: Point): MatchStop<Point> {
  return { key: `${place.lat},${place.lng}`, place };
}

// ---- drivers ----

/** `askable`: those of the drivers who may be asked now. */
type RoundDrivers = { drivers: MatchDriver<Point>[]; askable: ReadonlySet<string> };

/** Drivers who are free now, drivers at work with room for more, and drivers on the last leg of their job. */
async function driversFor(
  deps: CityRoundsDeps,
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
  { limits: { nextJobAheadMs: aheadMs } }: CityRoundsDeps,
  { capacity, offerVersion }: MatchDriverRow,
  { freeAt }: MatchDriver<Point>,
  now: number,
): boolean {
  return capacity === 1 && answersOffers(offerVersion) && isSoonEnough(freeAt, { now, aheadMs });
}

/** Near the pickups where few deliveries wait, else of the whole city. */
async function driversOnMap(
  { map, limits: { search } }: CityRoundsDeps,
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
  { map, limits }: CityRoundsDeps,
  driverIds: readonly string[],
  now: number,
): Promise<ReadonlyMap<string, Point>> {
  const places = new Map<string, Point>();
  for (let from = 0; from < driverIds.length; from += PAGE)
    for (const { driverId, entry, seenAt } of await map.readViews(driverIds.slice(from, from + PAGE))) {
      const fix = entry?.lastFix;
      if (fix && now - (seenAt ?? fix.receivedAt) <= limits.ranking.freshPositionMs)
        places.set(driverId, fix.point);
    }
  return places;
}

function soonFree(
  { travel, timeScale }: CityRoundsDeps,
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

// ---- proposing ----

/** @returns how many could not be sent */
async function propose(
  { dispatcher, newId, log }: CityRoundsDeps,
  offers: Round['offers'],
  correlationId: string,
): Promise<number> {
  const roundId = newId();
  const proposals = offers.flatMap(({ driverId, deliveryIds: [deliveryId, ...along], parts }) => {
    if (deliveryId === undefined) return [];
    const others = along.length > 0 ? { along } : {};
    return [{ deliveryId, proposal: { driverId, roundId, parts, ...others, correlationId } }];
  });
  let failed = 0;
  for (let from = 0; from < proposals.length; from += AT_ONCE)
    await Promise.all(
      proposals.slice(from, from + AT_ONCE).map(({ deliveryId, proposal }) =>
        dispatcher.propose(deliveryId, proposal).catch((error: unknown) => {
          failed++;
          log.warn(
            { err: error, deliveryId, roundId },
            'a proposal could not be sent; the next round makes it again',
          );
        }),
      ),
    );
  return failed;
}

import { type Inconclusive, type Proposal, type SearchOutcome } from '../../domain/delivery/events';
import { type DispatchLimits } from '../../domain/delivery/decisionContext';
import { type Chosen } from '../../domain/delivery/deliveryState';
import { limitsIn, stateAfterDue } from '../../domain/delivery/escalation';
import { distanceMeters, type TravelModel } from '../../domain/geo/places';
import { type Wanted } from '../../domain/matching/candidate';
import { nextExclusionEndsAt } from '../../domain/matching/exclusion';
import { rankCandidates, type Ranking } from '../../domain/matching/ranking';
import { type MatchPair } from '../../domain/matching/round';
import { searchKind, searchRadiusMeters } from '../../domain/matching/searchPlan';
import { isScarce, ownSearch } from '../../domain/matching/waiting';
import { moneyText } from '../../domain/money/currency';
import { payMaxIn, withBonusOf, withEarningsStepOf } from '../../domain/money/cityPay';
import { cappedBonus } from '../../domain/orders/orderRules';
import { carriersOf } from '../../domain/driver/vehicles';
import { ImpossibleEvent } from '../impossibleEvent';
import { isMatched } from '../matching/isMatched';
import { type DriverMap, type Features, type NearDriver } from '../ports';
import { netSearches, searchesWithoutMap } from './deliveryMetrics';
import { candidatesOf } from './candidateRoutes';
import { type DeliveryStore, type SearchFacts, type Touched } from './deliveryStore';

export type DriverSearchDeps = {
  store: Pick<DeliveryStore, 'searchFacts' | 'candidates' | 'workingDrivers' | 'othersWaiting'>;
  map: DriverMap;
  features: Features;
  limits: DispatchLimits;
  travel: TravelModel;
  /** Divides travel times and zone durations, as TIME_SCALE divides all durations. */
  timeScale: number;
};

/** The drivers that a search found near the pickup, best first, before any is locked. */
export type SearchResult = {
  facts: SearchFacts;
  kind: Wanted['kind'];
  isBroadcastOver: boolean;
  ranking: Ranking;
  near: readonly NearDriver[];
  radiusMeters: number;
  /** Why the search found nobody, where that does not mean that nobody is there. */
  inconclusive: Exclude<Inconclusive, 'CONTENDED' | 'NOT_MADE'> | null;
  /** Whom the city's matching proposed: the search was for this driver only. */
  proposal?: { roundId: string; pair: MatchPair };
};

type SearchPlan = Pick<SearchResult, 'facts' | 'kind' | 'isBroadcastOver' | 'radiusMeters'>;
/** `asNext`: whether a driver who is about to finish may be asked for it as their next job. */
type SearchRun = { deliveryId: string; limit: number; now: number; asNext?: boolean };

/** The number of nearest drivers that one search reads. It reads more if none of them can be held. */
const LOOKED_AT = 50;
const LOOKED_AT_MORE = 500;

/**
 * Candidates come from the live map and PostgreSQL, without locks, because the hold rereads them.
 * @param proposal the driver to look at, alone; ignored where the city's matching has been switched off
 * @returns null if the delivery is not searching
 * @throws ImpossibleEvent if the delivery has no row or no stops
 */
export async function searchDrivers(
  deps: DriverSearchDeps,
  deliveryId: string,
  now: number,
  proposal?: Proposal,
): Promise<SearchResult | null> {
  const facts = await deps.store.searchFacts(deliveryId, now);
  if (!facts) throw new ImpossibleEvent(`delivery ${deliveryId} has no row, or no stops`);
  if (!isSearched(facts, now)) return null;
  const plan = planOf(deps, facts, deliveryId, now);
  const run = { deliveryId, now };
  // What a round chose before matching was switched off does not count any more.
  if (!isMatched(deps.features, { cityId: facts.cityId, deliveryId })) return searchAll(deps, plan, run);
  return proposal ? searchProposed(deps, plan, run, proposal) : searchIfNeeded(deps, plan, run, facts);
}

/** A broadcast ends once every eligible driver has had an offer. v1 apps get no offers but may be assigned. */
async function searchAll(
  deps: DriverSearchDeps,
  plan: SearchPlan,
  run: Omit<SearchRun, 'limit'>,
): Promise<SearchResult> {
  const result = await searchBy(deps, plan, run);
  const isBroadcastOver =
    plan.kind === 'BROADCAST' && result.inconclusive === null && result.ranking.ranked.length === 0;
  return isBroadcastOver ? searchBy(deps, { ...plan, kind: 'SINGLE', isBroadcastOver }, run) : result;
}

/** Where the city's matching looks for the driver, and where drivers are not plenty, the round decides. */
async function searchIfNeeded(
  deps: DriverSearchDeps,
  plan: SearchPlan,
  run: Omit<SearchRun, 'limit'>,
  before: SearchFacts,
): Promise<SearchResult> {
  const own = ownSearch(before, run.now, deps.limits.matchingNetMs);
  const beginsBroadcast = plan.facts.broadcastSince !== before.broadcastSince;
  if (own === 'NOT' && !beginsBroadcast)
    return { ...plan, near: [], ranking: NOBODY, inconclusive: 'MATCHED' };
  if (own === 'YES')
    netSearches.inc({ reason: before.matchedAt === null ? 'no_round_ever' : 'rounds_stopped' });
  const result = await searchAll(deps, plan, run);
  const askable = result.ranking.ranked.length;
  if (own === 'YES' || askable === 0) return result;
  const others = await deps.store.othersWaiting({ ...run, cityId: before.cityId, atMost: askable });
  return isScarce(askable, others) ? { ...result, ranking: NOBODY, inconclusive: 'SCARCE' } : result;
}

/** By the same rules as for any candidate of a search, who is asked alone. */
async function searchProposed(
  deps: DriverSearchDeps,
  { kind, ...rest }: SearchPlan,
  run: Omit<SearchRun, 'limit'>,
  { driverId, roundId, parts, along = [] }: Proposal,
): Promise<SearchResult> {
  const plan: SearchPlan = { ...rest, kind: kind === 'BROADCAST' ? 'SINGLE' : kind };
  const proposal = { roundId, pair: { driverId, deliveryIds: [run.deliveryId, ...along], parts } };
  const near = await whereIs(deps, plan, driverId);
  if (near === null) return { ...plan, near: [], ranking: NOBODY, inconclusive: 'MAP_AWAY', proposal };
  const ranking = await rankNear(deps, plan, near, { ...run, asNext: plan.kind === 'SINGLE' });
  return { ...plan, near, ranking, inconclusive: null, proposal };
}

/** Null if the map is unavailable. */
async function whereIs(
  { map }: DriverSearchDeps,
  { facts: { pickup } }: SearchPlan,
  driverId: string,
): Promise<NearDriver[] | null> {
  try {
    const [view] = await map.readViews([driverId]);
    const fix = view?.entry?.lastFix;
    if (!fix) return [];
    const meters = distanceMeters(fix.point, pickup);
    const { vehicle = null } = view.entry ?? {};
    const fixAt = view.seenAt ?? fix.receivedAt;
    return [{ driverId, point: fix.point, distanceMeters: meters, fixAt, vehicle }];
  } catch {
    searchesWithoutMap.inc();
    return null;
  }
}

/** The drivers that the transaction may lock, and how many of them. */
export function pickOf(
  { limits }: Pick<DriverSearchDeps, 'limits'>,
  result: SearchResult | null,
): Pick<Touched, 'pickFrom' | 'pickAtMost' | 'pickAsNext'> {
  return {
    pickFrom: result?.ranking.ranked.map(({ driverId }) => driverId) ?? [],
    pickAtMost: result?.kind === 'BROADCAST' ? limits.escalation.waveSize : 1,
    pickAsNext: result?.ranking.ranked.some(({ nextAfter }) => nextAfter !== undefined) ?? false,
  };
}

/** The search as input to the rules. `picked` are the drivers who could be locked. */
export function outcomeOf(
  deps: Pick<DriverSearchDeps, 'limits' | 'timeScale'>,
  result: SearchResult | null,
  picked: readonly string[],
): SearchOutcome {
  if (!result) return NOT_SEARCHED;
  const { ranking, kind, isBroadcastOver } = result;
  const isContended = picked.length === 0 && ranking.ranked.length > 0;
  return {
    chosen: picked.map((driverId) => chosenOf(result, driverId)),
    isBroadcast: kind === 'BROADCAST',
    isBroadcastOver,
    offersOn: kind !== 'DIRECT',
    ttlMs: offerTtlMs(deps, result.facts),
    inconclusive: result.inconclusive ?? (isContended ? 'CONTENDED' : null),
    exclusionEndsAt: nextExclusionEndsAt(ranking.excluded),
  };
}

function isSearched({ status, searchAt, isHeld }: SearchFacts, now: number): boolean {
  if (isHeld) return false;
  return status === 'SEARCHING' || (status === 'PENDING' && searchAt <= now);
}

/**
 * The plan of this search, with the escalation level reached. A new level searches at once, with a wider
 * radius, higher pay or a broadcast.
 */
function planOf(
  { features, limits }: DriverSearchDeps,
  facts: SearchFacts,
  deliveryId: string,
  now: number,
): SearchPlan {
  const subject = { cityId: facts.cityId, key: deliveryId };
  const escalates = features.isOn('escalation', subject);
  const state = escalates
    ? stateAfterDue(
        facts,
        withBonusOf(facts.cityPay, limitsIn(facts.cityEscalationMinutes, limits.escalation)),
        now,
      )
    : facts;
  const kind = searchKind({
    offersOn: features.isOn('driver_offers', subject),
    escalates,
    broadcastSince: state.broadcastSince,
  });
  const { searchRound, widenedToMeters } = facts;
  const bonusCents = cappedBonus(
    facts.payCents,
    { before: facts.bonusCents, after: state.bonusCents },
    payMaxIn(facts.cityPay, limits.orders),
  );
  return {
    facts: { ...facts, ...state, bonusCents },
    kind,
    isBroadcastOver: false,
    radiusMeters: searchRadiusMeters(searchRound, state.escalationLevel, limits.search, widenedToMeters),
  };
}

async function searchBy(
  deps: DriverSearchDeps,
  plan: SearchPlan,
  run: Omit<SearchRun, 'limit'>,
): Promise<SearchResult> {
  const nearest = await searchAmong(deps, plan, { ...run, limit: LOOKED_AT });
  const areAllTaken = nearest.near.length === LOOKED_AT && nearest.ranking.ranked.length === 0;
  return areAllTaken ? searchAmong(deps, plan, { ...run, limit: LOOKED_AT_MORE }) : nearest;
}

const NOBODY: Ranking = { ranked: [], excluded: [] };

async function searchAmong(deps: DriverSearchDeps, plan: SearchPlan, run: SearchRun): Promise<SearchResult> {
  const near = await nearDrivers(deps, plan, run);
  if (near === null) return { ...plan, near: [], ranking: NOBODY, inconclusive: 'MAP_AWAY' };
  return { ...plan, near, ranking: await rankNear(deps, plan, near, run), inconclusive: null };
}

/**
 * Null if the map is unavailable: the search finds no driver, but a cancel or manual assignment must not wait
 * for it.
 */
async function nearDrivers(
  { map }: DriverSearchDeps,
  { facts: { cityId, pickup: point, parcelSize }, radiusMeters }: SearchPlan,
  { limit, now }: SearchRun,
): Promise<NearDriver[] | null> {
  try {
    return await map.near({ cityId, point, radiusMeters, vehicles: carriersOf(parcelSize), limit, now });
  } catch {
    searchesWithoutMap.inc();
    return null;
  }
}

async function rankNear(
  deps: DriverSearchDeps,
  { facts, kind }: SearchPlan,
  near: readonly NearDriver[],
  { deliveryId, now, asNext = false }: Omit<SearchRun, 'limit'>,
): Promise<Ranking> {
  const { parcelSize, payCents, bonusCents, readyAt, escalationLevel: level, broadcastSince } = facts;
  const known = await deps.store.candidates({
    deliveryId,
    driverIds: near.map(({ driverId }) => driverId),
    broadcastSince,
    now,
  });
  return rankCandidates(
    await candidatesOf(deps, { deliveryId, facts, now, asNext }, near, known),
    { kind, parcelSize, payCents: payCents + bonusCents, readyAt, level, now },
    withEarningsStepOf(facts.cityPay, deps.limits.ranking),
  );
}

/** A zone may set its offer time-out; otherwise the setting applies. */
function offerTtlMs(
  { limits, timeScale }: Pick<DriverSearchDeps, 'limits' | 'timeScale'>,
  { zoneOfferTtlSeconds: seconds }: SearchFacts,
): number {
  // rows hold whole milliseconds
  return seconds === null ? limits.offerTtlMs : Math.max(1, Math.round((seconds * 1_000) / timeScale));
}

const NOT_SEARCHED: SearchOutcome = {
  chosen: [],
  isBroadcast: false,
  isBroadcastOver: false,
  inconclusive: 'NOT_MADE',
  offersOn: false,
  ttlMs: 0,
  exclusionEndsAt: null,
};

/** The best candidates are stored in full and the rest counted, which is enough to explain the choice. */
const KEPT = 20;

function chosenOf(
  { facts, kind, ranking, near, radiusMeters, proposal }: SearchResult,
  driverId: string,
): Chosen {
  const { score, nextAfter } = ranking.ranked.find((each) => each.driverId === driverId) ?? {};
  const payCents = facts.payCents + facts.bonusCents;
  return {
    driverId,
    why: {
      kind,
      radiusMeters,
      round: facts.searchRound,
      ranked: ranking.ranked.slice(0, KEPT),
      excluded: ranking.excluded.slice(0, KEPT),
      looked: near.length,
      ...(proposal ? { proposal } : {}),
    },
    payload: {
      ...facts.shown,
      payCents,
      payText: moneyText(payCents, facts.shown.currency, facts.cityLocale),
      toPickupMeters: Math.round(score?.distanceMeters ?? 0),
      ...(nextAfter === undefined ? {} : { afterDeliveryId: nextAfter }),
    },
    ...(nextAfter === undefined ? {} : { isNext: true }),
  };
}

import { type Actor } from '../domain/delivery/status';
import { type DeliverySnapshot, snapshotOf } from '../domain/delivery/deadline';
import {
  type AskedHandOver,
  type DeliveryEvent,
  type FreedDriver,
  type SearchOutcome,
} from '../domain/delivery/events';
import { decide } from '../domain/delivery/decide';
import {
  type DispatchFeatures,
  type DispatchLimits,
  type DecisionContext,
} from '../domain/delivery/decisionContext';
import { limitsIn, stateAfterDue } from '../domain/delivery/escalation';
import { type TravelModel, travelMsFor } from '../domain/geo/places';
import { type Candidate, type Wanted } from '../domain/matching/candidate';
import { nextExclusionEndsAt } from '../domain/matching/exclusion';
import { rankCandidates, type Ranking } from '../domain/matching/ranking';
import { searchKind, searchRadiusMeters } from '../domain/matching/searchPlan';
import {
  type Answer,
  type Chosen,
  type Decision,
  type Meeting,
  type DeliveryState,
} from '../domain/delivery/deliveryState';
import { countChanges, eventSeconds, observeReassignment, searchesWithoutMap } from './deliveryMetrics';
import { ImpossibleEvent, possible } from '../services/impossibleEvent';
import {
  type CandidateFacts,
  type DeliveryStore,
  type SearchFacts,
  type Touched,
} from '../services/deliveryStore';
import {
  type Clock,
  type DriverMap,
  type Features,
  type NotifyRelay,
  type NearDriver,
  type NewId,
} from '../services/ports';

/**
 * An event as the workflow sends it; what only activities can look up is filled in here: who is near, where a
 * hand-over is to be.
 */
export type WorkflowEvent =
  | Exclude<DeliveryEvent, { kind: 'lookForDriver' | 'handOver' }>
  | { kind: 'lookForDriver'; freed: FreedDriver | null }
  | AskedHandOver;

/** `at` is the workflow's time, epoch ms. */
export type EventInput = { deliveryId: string; correlationId: string; at: number; event: WorkflowEvent };

/** The database's word after an event: what to wait for next, and the answer to whoever asked. */
export type EventResult = { known: DeliverySnapshot; answer: Answer };

/** One local activity an event, so that a history reads as a story. */
export type DeliveryActivities = Record<WorkflowEvent['kind'], (input: EventInput) => Promise<EventResult>>;

export type DeliveryDeps = {
  store: DeliveryStore;
  map: DriverMap;
  features: Features;
  clock: Clock;
  newId: NewId;
  limits: DispatchLimits;
  travel: TravelModel;
  /** Divides travel times and the times that zones set, as TIME_SCALE does with all durations. */
  timeScale: number;
  /** Called after a commit: the outbox has news. */
  notifyRelay: NotifyRelay;
  /**
   * Called as an attempt begins; what it returns says whether the workflow waits for that attempt no longer,
   * since it was slow or its process frozen. Then it writes nothing: another attempt is under way, and other
   * events may have come since. Absent: attempts are never given up.
   */
  beginAttempt?: () => () => boolean;
};

/** The nearest drivers that one search looks at; where none of so many can be had, it looks at more. */
const LOOKED_AT = 50;
const LOOKED_AT_MORE = 500;

/**
 * The activities of the delivery workflow: each is one transaction in which the pure rules of
 * domain/dispatch.ts decide.
 */
export function createDeliveryActivities(deps: DeliveryDeps): DeliveryActivities {
  const run = (input: EventInput) => handle(deps, input);
  return {
    lookForDriver: run,
    lapseOffer: run,
    giveUpSearch: run,
    acceptOffer: run,
    rejectOffer: run,
    takeStep: run,
    failDelivery: run,
    cancelDelivery: run,
    assignDriver: run,
    releaseDriver: run,
    readDelivery: run,
    escalate: run,
    handOver: run,
    leaveDelivery: run,
    rescueDelivery: run,
    raisePay: run,
    resumeSearch: run,
  };
}

async function handle(
  deps: DeliveryDeps,
  { deliveryId, correlationId, at, event }: EventInput,
): Promise<EventResult> {
  // The workflow's time may be ahead (time skipping, clock skew) or behind (a repeat after an outage): the
  // later one is now.
  const now = Math.max(at, deps.clock());
  const stop = eventSeconds.startTimer({ event: event.kind });
  const isGivenUp = deps.beginAttempt?.() ?? (() => false);
  const look = event.kind === 'lookForDriver' ? await lookAround(deps, deliveryId, now) : null;
  const meeting = await meetingOf(deps.store, deliveryId, event);
  let before: DeliveryState | undefined;
  const make = (state: DeliveryState, picked: readonly string[]): Decision => {
    if (isGivenUp()) throw new Error(`too late: the workflow has begun another attempt at ${event.kind}`);
    before = state;
    return possible(() =>
      decide(
        state,
        completed(event, { look, picked, ttlMs: offerTtlMs(deps, look), meeting }),
        contextOf(deps, state, event, now),
      ),
    );
  };
  const decision = await deps.store.change(
    deliveryId,
    { ...touchedBy(event), ...pickedBy(deps, look) },
    make,
    now,
    correlationId,
  );
  stop();
  countChanges(decision.entries);
  if (before) observeReassignment(before, decision.next, now);
  if (decision.messages.length > 0) deps.notifyRelay(decision.messages);
  const known = snapshotOf(decision.next, deps.limits, featuresOf(deps, decision.next).escalation);
  return { known: dueBy(known, { now, at }), answer: decision.answer };
}

/**
 * What is due by our clock is due for the workflow, whose time stands a little behind: a timer of a few ms
 * takes up to a second.
 */
function dueBy(known: DeliverySnapshot, { now, at }: { now: number; at: number }): DeliverySnapshot {
  const due = <T extends number | null>(instant: T): T | number =>
    instant !== null && instant <= now ? Math.min(instant, at) : instant;
  const escalation = known.escalation
    ? { ...known.escalation, at: due(known.escalation.at) }
    : known.escalation;
  return { ...known, searchAgainAt: due(known.searchAgainAt), giveUpAt: due(known.giveUpAt), escalation };
}

/** @throws ImpossibleEvent where the id leads nowhere */
async function meetingOf(
  store: Pick<DeliveryStore, 'meeting'>,
  deliveryId: string,
  event: WorkflowEvent,
): Promise<Meeting | null> {
  if (event.kind !== 'handOver' || event.meetingId === null) return null;
  const meeting = await store.meeting(deliveryId, event.meetingId);
  if (!meeting)
    throw new ImpossibleEvent(`there is no meeting point ${event.meetingId} for delivery ${deliveryId}`);
  return meeting;
}

function pickedBy({ limits }: DeliveryDeps, look: Look | null): Pick<Touched, 'pickFrom' | 'pickAtMost'> {
  return {
    pickFrom: look?.ranking.ranked.map(({ driverId }) => driverId) ?? [],
    pickAtMost: look?.kind === 'BROADCAST' ? limits.escalation.waveSize : 1,
  };
}

/**
 * The answer that the row already holds, for callers who find the workflow closed or gone.
 * @returns null where the row would have to change for an answer, so that only the workflow can give it
 */
export async function answerFromRow(
  deps: Pick<DeliveryDeps, 'store' | 'limits' | 'features' | 'clock' | 'newId'>,
  deliveryId: string,
  event: Exclude<WorkflowEvent, { kind: 'lookForDriver' }>,
): Promise<Answer | null> {
  const state = await deps.store.look(deliveryId, { ...touchedBy(event), pickFrom: [], pickAtMost: 0 });
  if (!state) return { refused: 'NOT_FOUND', detail: 'no such delivery' };
  const asked =
    event.kind === 'handOver' ? { ...event, meeting: await meetingOf(deps.store, deliveryId, event) } : event;
  const { next, answer } = decide(state, asked, contextOf(deps, state, event, deps.clock()));
  return next === state ? answer : null;
}

function contextOf(
  deps: Pick<DeliveryDeps, 'newId' | 'limits' | 'features'>,
  state: DeliveryState,
  event: WorkflowEvent,
  now: number,
): DecisionContext {
  return {
    now,
    newId: deps.newId,
    actor: actorOf(event),
    limits: deps.limits,
    features: featuresOf(deps, state),
  };
}

/** Flags are read at each event, so that a switch holds from the next one on (docs/behaviour.md#features). */
function featuresOf(
  { features }: Pick<DeliveryDeps, 'features'>,
  { delivery: { cityId, deliveryId } }: DeliveryState,
): DispatchFeatures {
  return {
    availabilityStates: (driverId) => features.isOn('availability_states', { cityId, key: driverId }),
    escalation: features.isOn('escalation', { cityId, key: deliveryId }),
    autoReassignment: features.isOn('auto_reassignment', { cityId, key: deliveryId }),
  };
}

function actorOf(event: WorkflowEvent): Actor {
  switch (event.kind) {
    case 'acceptOffer':
    case 'rejectOffer':
      return { kind: 'driver', id: event.driverId };
    case 'takeStep':
    case 'failDelivery':
    case 'cancelDelivery':
    case 'assignDriver':
    case 'handOver':
    case 'rescueDelivery':
    case 'raisePay':
    case 'resumeSearch':
      return event.by;
    case 'leaveDelivery':
      return { kind: 'driver', id: event.driverId };
    case 'escalate':
      return { kind: 'system', id: 'escalation' };
    case 'lookForDriver':
      return { kind: 'system', id: 'search' };
    case 'lapseOffer':
      return { kind: 'system', id: 'offer-lapse' };
    case 'giveUpSearch':
      return { kind: 'system', id: 'search-limit' };
    case 'releaseDriver':
      return { kind: 'system', id: 'driver-left' };
    case 'readDelivery':
      return { kind: 'system', id: 'repair' };
  }
}

function touchedBy(event: WorkflowEvent): Pick<Touched, 'offerIds' | 'driverIds'> {
  switch (event.kind) {
    case 'acceptOffer':
    case 'rejectOffer':
      return { offerIds: [event.offerId], driverIds: [] };
    case 'lapseOffer':
      return { offerIds: [event.offerId], driverIds: [] };
    case 'rescueDelivery':
    case 'releaseDriver':
      return { offerIds: event.offerId === null ? [] : [event.offerId], driverIds: [] };
    case 'handOver':
    case 'assignDriver':
      return { offerIds: [], driverIds: [event.driverId] };
    default:
      return { offerIds: [], driverIds: [] };
  }
}

// ---- looking around ----

type Look = {
  facts: SearchFacts;
  kind: Wanted['kind'];
  isBroadcastOver: boolean;
  ranking: Ranking;
  near: readonly NearDriver[];
  radiusMeters: number;
  isBlind: boolean;
};

/** Candidates come from the live map and the record, without a lock: the hold reads again. */
async function lookAround(deps: DeliveryDeps, deliveryId: string, now: number): Promise<Look | null> {
  const facts = await deps.store.searchFacts(deliveryId);
  if (!facts) throw new ImpossibleEvent(`delivery ${deliveryId} has no row, or no stops`);
  if (!isSearched(facts, now)) return null;
  const around = plannedSearch(deps, facts, deliveryId, now);
  const look = await lookFor(deps, around, { deliveryId, now });
  // Once a broadcast has asked all whom it may, it is over; apps of v1 are never asked, but may be assigned.
  const isBroadcastOver = around.kind === 'BROADCAST' && !look.isBlind && look.ranking.ranked.length === 0;
  return isBroadcastOver
    ? lookFor(deps, { ...around, kind: 'SINGLE', isBroadcastOver }, { deliveryId, now })
    : look;
}

/**
 * What this search looks for, with the level that is reached by it: a new level searches at once, farther,
 * for more pay, or for many.
 */
function plannedSearch(
  { features, limits }: DeliveryDeps,
  facts: SearchFacts,
  deliveryId: string,
  now: number,
): Around {
  const subject = { cityId: facts.cityId, key: deliveryId };
  const escalates = features.isOn('escalation', subject);
  const state = escalates
    ? stateAfterDue(facts, limitsIn(facts.cityEscalationMinutes, limits.escalation), now)
    : facts;
  const kind = searchKind({
    offersOn: features.isOn('driver_offers', subject),
    escalates,
    broadcastSince: state.broadcastSince,
  });
  return {
    facts: { ...facts, ...state },
    kind,
    isBroadcastOver: false,
    radiusMeters: searchRadiusMeters(facts.searchRound, state.escalationLevel, limits.search),
  };
}

async function lookFor(
  deps: DeliveryDeps,
  around: Around,
  { deliveryId, now }: { deliveryId: string; now: number },
): Promise<Look> {
  const nearest = await lookAmong(deps, around, { deliveryId, limit: LOOKED_AT, now });
  const areAllTaken = nearest.near.length === LOOKED_AT && nearest.ranking.ranked.length === 0;
  return areAllTaken ? lookAmong(deps, around, { deliveryId, limit: LOOKED_AT_MORE, now }) : nearest;
}

type Around = Pick<Look, 'facts' | 'kind' | 'isBroadcastOver' | 'radiusMeters'>;
type Looking = { deliveryId: string; limit: number; now: number };

async function lookAmong(deps: DeliveryDeps, around: Around, looking: Looking): Promise<Look> {
  const near = await nearDrivers(deps, around, looking);
  if (near === null) return { ...around, near: [], ranking: { ranked: [], excluded: [] }, isBlind: true };
  return { ...around, near, ranking: await ranked(deps, around, near, looking), isBlind: false };
}

/**
 * Null where the map does not answer: then nobody can be found, but whoever cancels or assigns by hand must
 * not wait for it.
 */
async function nearDrivers(
  { map }: DeliveryDeps,
  { facts: { cityId, pickup: point }, radiusMeters }: Around,
  { limit, now }: Looking,
): Promise<NearDriver[] | null> {
  try {
    return await map.near({ cityId, point, radiusMeters, limit, now });
  } catch {
    searchesWithoutMap.inc();
    return null;
  }
}

async function ranked(
  deps: DeliveryDeps,
  { facts, kind }: Around,
  near: readonly NearDriver[],
  { deliveryId, now }: Looking,
): Promise<Ranking> {
  const { parcelSize, payCents, bonusCents, readyAt, escalationLevel: level, broadcastSince } = facts;
  const known = await deps.store.candidates({
    deliveryId,
    driverIds: near.map(({ driverId }) => driverId),
    broadcastSince,
    now,
  });
  return rankCandidates(
    candidatesOf(deps, near, known),
    { kind, parcelSize, payCents: payCents + bonusCents, readyAt, level, now },
    deps.limits.ranking,
  );
}

function isSearched({ status, searchAt, isHeld }: SearchFacts, now: number): boolean {
  if (isHeld) return false;
  return status === 'SEARCHING' || (status === 'PENDING' && searchAt <= now);
}

function candidatesOf(
  { travel, timeScale }: DeliveryDeps,
  near: readonly NearDriver[],
  known: readonly CandidateFacts[],
): Candidate[] {
  const factsOf = new Map(known.map((facts) => [facts.driverId, facts]));
  return near.flatMap(({ driverId, fixAt, distanceMeters }) => {
    const facts = factsOf.get(driverId);
    return facts
      ? [
          {
            ...facts,
            fixAt,
            distanceMeters,
            travelMs: travelMsFor(distanceMeters, facts.vehicle, travel) / timeScale,
          },
        ]
      : [];
  });
}

type LookedUp = { look: Look | null; picked: readonly string[]; ttlMs: number; meeting: Meeting | null };

function completed(event: WorkflowEvent, { look, picked, ttlMs, meeting }: LookedUp): DeliveryEvent {
  if (event.kind === 'handOver') return { ...event, meeting };
  if (event.kind !== 'lookForDriver') return event;
  return { ...event, search: look ? outcomeOf(look, picked, ttlMs) : NOT_SEARCHED };
}

/** A zone may set how long its offers wait; else the setting holds. */
function offerTtlMs({ limits, timeScale }: DeliveryDeps, look: Look | null): number {
  const seconds = look?.facts.zoneOfferTtlSeconds ?? null;
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

function outcomeOf(look: Look, picked: readonly string[], ttlMs: number): SearchOutcome {
  const { ranking, kind, isBroadcastOver } = look;
  const isContended = picked.length === 0 && ranking.ranked.length > 0;
  return {
    chosen: picked.map((driverId) => chosenOf(look, driverId)),
    isBroadcast: kind === 'BROADCAST',
    isBroadcastOver,
    offersOn: kind !== 'DIRECT',
    ttlMs,
    inconclusive: look.isBlind ? 'MAP_AWAY' : isContended ? 'CONTENDED' : null,
    exclusionEndsAt: nextExclusionEndsAt(ranking.excluded),
  };
}

/**
 * The best ones are kept in whole, the rest is counted: enough to answer 'why this driver, and why not that
 * one?'.
 */
const KEPT = 20;

function chosenOf({ facts, kind, ranking, near, radiusMeters }: Look, driverId: string): Chosen {
  const toPickup = near.find((each) => each.driverId === driverId);
  return {
    driverId,
    why: {
      kind,
      radiusMeters,
      round: facts.searchRound,
      ranked: ranking.ranked.slice(0, KEPT),
      excluded: ranking.excluded.slice(0, KEPT),
      looked: near.length,
    },
    payload: {
      ...facts.shown,
      payCents: facts.payCents + facts.bonusCents,
      toPickupMeters: Math.round(toPickup?.distanceMeters ?? 0),
    },
  };
}

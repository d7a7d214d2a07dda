import { byClockAhead, snapshotOf, type DeliverySnapshot } from '../../domain/delivery/deadline';
import { decide } from '../../domain/delivery/decide';
import {
  type DecisionContext,
  type DispatchFeatures,
  type DispatchLimits,
} from '../../domain/delivery/decisionContext';
import {
  type Answer,
  type Decision,
  type DeliveryState,
  type Meeting,
} from '../../domain/delivery/deliveryState';
import { actorOf, type DeliveryEvent, type IncomingEvent, rowsNamedBy } from '../../domain/delivery/events';
import { type ChangeRequest } from '../../domain/orders/orderChange';
import { acceptOfTrip } from '../../domain/delivery/trip';
import { ImpossibleEvent, possible } from '../impossibleEvent';
import { type Clock, type Features, type NewId, type NotifyRelay } from '../ports';
import { countChanges, countSearch, eventSeconds, observeReassignment } from './deliveryMetrics';
import { type DeliveryStore, type WrittenPart } from './deliveryStore';
import { isMatched } from '../matching/isMatched';
import { type DriverSearchDeps, outcomeOf, pickOf, searchDrivers, type SearchResult } from './driverSearch';
import { type Attempt, offerTogether, TakesTogether, takeTogether } from './tripEvents';

/** `at` is the workflow's time, epoch ms. */
export type EventInput = { deliveryId: string; correlationId: string; at: number; event: IncomingEvent };

/** The result of an event: what to wait for next, and the answer to the caller. */
export type EventResult = { known: DeliverySnapshot; answer: Answer };

/** The dependencies of an answer from the row. */
export type RowDeps = {
  store: DeliveryStore;
  limits: DispatchLimits;
  features: Features;
  clock: Clock;
  newId: NewId;
};

export type DeliveryDeps = RowDeps &
  DriverSearchDeps & {
    /** Called after a commit that left messages to the relay. */
    notifyRelay: NotifyRelay;
    /**
     * Called at the start of an attempt. The returned function tells whether the workflow has given up the
     * attempt, because it was slow or its process frozen. Such an attempt writes nothing, since another one
     * is in progress and other events may have come. Absent: attempts are never given up.
     */
    beginAttempt?: () => () => boolean;
    /**
     * How far Temporal's clock is ahead of ours, in ms, at the start of an attempt with the workflow's time
     * `at`; 0 where both agree. Absent: they agree (ADR 35).
     */
    temporalSkewAt?: (at: number) => number;
  };

/**
 * One event, one transaction, in which the pure rules of domain/delivery decide. A repeat gets the first
 * answer.
 * @throws ImpossibleEvent if a retry cannot succeed
 */
export async function handleEvent(
  deps: DeliveryDeps,
  { deliveryId, correlationId, at, event }: EventInput,
): Promise<EventResult> {
  const aheadMs = deps.temporalSkewAt?.(at) ?? 0;
  const atHere = at - aheadMs;
  // The workflow's time may be ahead (time skipping) or behind (a repeat after an outage): the later one is now.
  const now = Math.max(atHere, deps.clock());
  const stop = eventSeconds.startTimer({ event: event.kind });
  const isGivenUp = deps.beginAttempt?.() ?? (() => false);
  const search =
    event.kind === 'lookForDriver' ? await searchDrivers(deps, deliveryId, now, event.proposal) : null;
  if (search) countSearch(search);
  const meeting = await meetingOf(deps.store, deliveryId, event);
  const decided = await change(deps, {
    ...{ deliveryId, correlationId, event, now, search, meeting },
    check: () => {
      if (isGivenUp()) throw new Error(`too late: the workflow has started another attempt at ${event.kind}`);
    },
    contextOf: (state) => contextOf(deps, state, event, now),
  });
  stop();
  const [own] = decided;
  if (!own) throw new Error(`nothing was decided about ${event.kind}`);
  for (const { before, decision } of decided) {
    countChanges(decision.entries);
    observeReassignment(before, decision.next, now);
  }
  const left = decided.flatMap((each) => each.left);
  if (left.length > 0) deps.notifyRelay(left);
  const { next, answer } = own.decision;
  const known = snapshotOf(next, deps.limits, featuresOf(deps, next));
  return { known: byClockAhead(dueBy(known, { now, at: atHere }), aheadMs), answer };
}

type Change = Attempt<IncomingEvent> & { search: SearchResult | null; meeting: Meeting | null };

/** @returns the decisions: of the delivery itself, then of those that were decided with it */
async function change(deps: DeliveryDeps, asked: Change): Promise<readonly WrittenPart[]> {
  const { event, search } = asked;
  if (event.kind === 'lookForDriver' && search !== null) {
    const offered = await offerTogether(deps, { ...asked, event }, search);
    if (offered) return offered;
  }
  try {
    return [await changeOne(deps, asked)];
  } catch (error) {
    if (!(error instanceof TakesTogether)) throw error;
    return takeTogether(deps, asked, error.trip);
  }
}

async function changeOne(deps: DeliveryDeps, asked: Change): Promise<WrittenPart> {
  const { deliveryId, correlationId, event, now, search, meeting, check, contextOf: context } = asked;
  let before: DeliveryState | undefined;
  const make = (state: DeliveryState, picked: readonly string[], order: ChangeRequest | null): Decision => {
    check();
    before = state;
    const trip = acceptOfTrip(state, event);
    if (trip) throw new TakesTogether(trip);
    return possible(() =>
      decide(state, completed(deps, event, { search, picked, meeting, change: order }), context(state)),
    );
  };
  const touched = { ...rowsNamedBy(event), ...pickOf(deps, search) };
  const decision = await deps.store.change(deliveryId, touched, make, now, correlationId);
  if (!before) throw new Error(`delivery ${deliveryId} was not read`);
  return { before, decision, left: decision.left };
}

/**
 * The answer stored in the row, for callers who find the workflow closed or gone.
 * @returns null if the answer needs a change of the row, so that only the workflow can give it
 */
export async function answerFromRow(
  deps: RowDeps,
  deliveryId: string,
  event: Exclude<IncomingEvent, { kind: 'lookForDriver' }>,
): Promise<Answer | null> {
  const state = await deps.store.readUnlocked(deliveryId, {
    ...rowsNamedBy(event),
    pickFrom: [],
    pickAtMost: 0,
  });
  if (!state) return { refused: 'NOT_FOUND', detail: 'no such delivery' };
  if (acceptOfTrip(state, event)) return null;
  const whole = await completedUnlocked(deps.store, deliveryId, event);
  const { next, answer, orderWrite } = decide(state, whole, contextOf(deps, state, event, deps.clock()));
  return next === state && orderWrite === null ? answer : null;
}

type EventData = {
  search: SearchResult | null;
  picked: readonly string[];
  meeting: Meeting | null;
  change: ChangeRequest | null;
};

function completed(
  deps: DeliveryDeps,
  event: IncomingEvent,
  { search, picked, meeting, change }: EventData,
): DeliveryEvent {
  if (event.kind === 'handOver') return { ...event, meeting };
  if (event.kind === 'changeOrder') return { ...event, request: change };
  if (event.kind !== 'lookForDriver') return event;
  return { ...event, search: outcomeOf(deps, search, picked) };
}

async function completedUnlocked(
  store: DeliveryStore,
  deliveryId: string,
  event: Exclude<IncomingEvent, { kind: 'lookForDriver' }>,
): Promise<DeliveryEvent> {
  if (event.kind === 'handOver') return { ...event, meeting: await meetingOf(store, deliveryId, event) };
  if (event.kind !== 'changeOrder') return event;
  return { ...event, request: await store.orderChange(deliveryId, event.changeId) };
}

/** @throws ImpossibleEvent if the id is unknown */
async function meetingOf(
  store: Pick<DeliveryStore, 'meeting'>,
  deliveryId: string,
  event: IncomingEvent,
): Promise<Meeting | null> {
  if (event.kind !== 'handOver' || event.meetingId === null) return null;
  const meeting = await store.meeting(deliveryId, event.meetingId);
  if (!meeting)
    throw new ImpossibleEvent(`there is no meeting point ${event.meetingId} for delivery ${deliveryId}`);
  return meeting;
}

function contextOf(
  deps: Pick<RowDeps, 'newId' | 'limits' | 'features'>,
  state: DeliveryState,
  event: IncomingEvent,
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

/**
 * Flags are read at each event, so that a switch applies from the next event (docs/behaviour.md#features).
 */
export function featuresOf(
  { features }: Pick<RowDeps, 'features'>,
  { delivery: { cityId, deliveryId } }: DeliveryState,
): DispatchFeatures {
  return {
    availabilityStates: (driverId) => features.isOn('availability_states', { cityId, key: driverId }),
    escalation: features.isOn('escalation', { cityId, key: deliveryId }),
    autoReassignment: features.isOn('auto_reassignment', { cityId, key: deliveryId }),
    batchMatching: isMatched(features, { cityId, deliveryId }),
  };
}

/**
 * A deadline that is due by the local clock is due for the workflow too, although its time is slightly
 * behind: a timer of a few ms takes up to a second.
 */
function dueBy(known: DeliverySnapshot, { now, at }: { now: number; at: number }): DeliverySnapshot {
  const due = <T extends number | null>(instant: T): T | number =>
    instant !== null && instant <= now ? Math.min(instant, at) : instant;
  const escalation = known.escalation
    ? { ...known.escalation, at: due(known.escalation.at) }
    : known.escalation;
  return { ...known, searchAgainAt: due(known.searchAgainAt), giveUpAt: due(known.giveUpAt), escalation };
}

/**
 * The rules of dispatch under random events: two deliveries that want the same drivers, read and written as
 * the store does it, so that a rule which counts on more than the store reads fails here. After every event
 * all invariants hold, and the same event again changes nothing.
 */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  AVAILABILITY_LIMITS,
  type AvailabilityRequest,
  carryingOf,
  decideAvailability,
  type DriverFacts,
  takesWork,
} from '../../domain/driver/availability';
import { snapshotOf, nextDeadline } from '../../domain/delivery/deadline';
import {
  canMove,
  DELIVERY_STATUSES,
  DROPOFF_FAILURES,
  isClosed,
  PICKUP_FAILURES,
  STEPS,
  type Actor,
  type ReasonCode,
  type Step,
} from '../../domain/delivery/status';
import { canonicalJson } from '../../domain/audit/canonicalJson';
import { decide } from '../../domain/delivery/decide';
import {
  type DeliveryEvent,
  type Inconclusive,
  rowsNamedBy,
  type SearchOutcome,
} from '../../domain/delivery/events';
import type { DispatchFeatures, DispatchLimits } from '../../domain/delivery/decisionContext';
import { ESCALATION_LIMITS, type EscalatedState, stateAfterDue } from '../../domain/delivery/escalation';
import { NEW_CLOCK } from '../../domain/delivery/unassignedClock';
import { LEAVE_REASONS, LOSS_REASONS } from '../../domain/driver/loss';
import type { OfferFacts } from '../../domain/delivery/offer';
import {
  acceptOfTrip,
  offerTrip,
  takeTrip,
  type TripDecision,
  type TripPart,
} from '../../domain/delivery/trip';
import { RANKING_LIMITS } from '../../domain/matching/candidate';
import { SEARCH_LIMITS } from '../../domain/matching/searchPlan';
import { ownNetMs } from '../../domain/matching/waiting';
import { ORDER_LIMITS } from '../../domain/orders/orderLimits';
import { type CaseFacts } from '../../domain/support/supportCase';
import {
  type Answer,
  type AssignmentFacts,
  type Decision,
  type DeliveryFacts,
  isRefusal,
  type DeliveryState,
} from '../../domain/delivery/deliveryState';
import { TRAVEL_MODEL } from '../../domain/geo/places';
import { OFFER_PAYLOAD } from '../support/offerPayload';

const START = 1_700_000_000_000;
const MINUTE = 60_000;
const LIMITS: DispatchLimits = {
  search: SEARCH_LIMITS,
  matchingNetMs: MINUTE,
  tripMaxExtraMs: 10 * MINUTE,
  nextJobAheadMs: 5 * MINUTE,
  ranking: RANKING_LIMITS,
  availability: AVAILABILITY_LIMITS,
  offerTtlMs: 30_000,
  searchMaxMs: 120 * MINUTE,
  escalation: ESCALATION_LIMITS,
  lapsePause: { afterLapses: 2, pauseMs: 15 * MINUTE },
  pushesOffers: true,
  orders: ORDER_LIMITS,
  searchLeadMs: 600_000,
  travel: TRAVEL_MODEL,
  timeScale: 1,
};
const FEATURES: DispatchFeatures = {
  availabilityStates: () => true,
  escalation: true,
  autoReassignment: true,
  batchMatching: false,
};
const OPS: Actor = { kind: 'ops', id: 'olga' };
const SYSTEM: Actor = { kind: 'system', id: 'test' };
const DELIVERIES = ['left', 'right'] as const;

type DeliveryId = (typeof DELIVERIES)[number];
type News = { driverId: string; offerId: string | null; assignmentId: string | null; deliveryId: DeliveryId };

/** The state that PostgreSQL would hold, with the pending outbox messages. */
class World {
  now = START;
  readonly deliveries: Record<DeliveryId, DeliveryFacts>;
  readonly offers = new Map<string, OfferFacts>();
  readonly assignments: Record<DeliveryId, AssignmentFacts[]> = { left: [], right: [] };
  readonly cases: Record<DeliveryId, CaseFacts[]> = { left: [], right: [] };
  features: DispatchFeatures = { ...FEATURES };
  readonly drivers = new Map<string, DriverFacts>();
  readonly news: News[] = [];
  /** The first answer to each event. */
  readonly answers: { deliveryId: DeliveryId; event: DeliveryEvent; answer: Answer }[] = [];
  readonly log: string[] = [];
  private ids = 0;

  constructor(drivers: readonly Partial<DriverFacts>[]) {
    this.deliveries = { left: newDelivery('left', START), right: newDelivery('right', START + MINUTE) };
    drivers.forEach((driver, index) =>
      this.drivers.set(`driver-${index}`, newDriver(`driver-${index}`, driver)),
    );
  }

  offersOf(deliveryId: DeliveryId): OfferFacts[] {
    return [...this.offers.values()].filter((offer) => offer.deliveryId === deliveryId);
  }

  live(deliveryId: DeliveryId): OfferFacts[] {
    return this.offersOf(deliveryId).filter(({ state }) => state === 'LIVE');
  }

  active(deliveryId: DeliveryId): AssignmentFacts | undefined {
    return this.assignments[deliveryId].find(({ state }) => state === 'ACTIVE');
  }

  /**
   * As the store reads it: no offer, assignment or driver more. Frozen, since facts are never changed in
   * place.
   */
  read(deliveryId: DeliveryId, event: DeliveryEvent): DeliveryState {
    const named = 'offerId' in event && event.offerId !== null ? this.offers.get(event.offerId) : undefined;
    const { driverIds } = rowsNamedBy(event);
    const holders = [...driverIds, ...this.live(deliveryId).map((offer) => offer.driverId)];
    const ofHolders = [...this.offers.values()].filter(
      (offer) => offer.state === 'LIVE' && holders.includes(offer.driverId),
    );
    const offers = [...new Set([...(named?.deliveryId === deliveryId ? [named] : []), ...ofHolders])];
    const locked = [
      ...this.live(deliveryId).map(({ driverId }) => driverId),
      this.active(deliveryId)?.driverId,
      ...driverIds,
      ...(event.kind === 'lookForDriver' ? event.search.chosen.map((each) => each.driverId) : []),
    ];
    const drivers = Object.fromEntries(
      locked.flatMap((id) => {
        const driver = id && this.drivers.get(id);
        return driver ? [[id, driver]] : [];
      }),
    );
    return deepFreeze({
      delivery: this.deliveries[deliveryId],
      offers,
      assignments: [...this.assignments[deliveryId]],
      drivers,
      supportCase: this.cases[deliveryId].find(({ state }) => state !== 'RESOLVED') ?? null,
    });
  }

  tell(deliveryId: DeliveryId, event: DeliveryEvent): { state: DeliveryState; decision: Decision } {
    const [own] = this.tellAll(deliveryId, event);
    if (!own) throw new Error('nothing was decided');
    return { state: own.before, decision: own.decision };
  }

  /** An accept of an offer of a trip takes all of it, as the service does it. */
  tellAll(deliveryId: DeliveryId, event: DeliveryEvent): TripDecision[] {
    const state = this.read(deliveryId, event);
    const trip = acceptOfTrip(state, event);
    if (trip) {
      const named = { deliveryId, offerId: trip.accept.offerId };
      const parts = [named, ...trip.others].map(({ deliveryId: id, offerId }) =>
        this.part(id as DeliveryId, { ...trip.accept, offerId }),
      );
      return this.writeAll(takeTrip(parts));
    }
    const { context } = this.part(deliveryId, event);
    return this.writeAll([{ before: state, decision: decide(state, event, context) }]);
  }

  /** The search of the first found a driver for all of these. */
  offerTrip(deliveryIds: readonly DeliveryId[], search: SearchOutcome): TripDecision[] {
    const event = { kind: 'lookForDriver' as const, search, freed: null };
    return this.writeAll(
      offerTrip(
        deliveryIds.map((id) => this.part(id, event)),
        {
          newTripId: () => `trip-${this.ids++}`,
          show: (ids) => ({ deliveryIds: [...ids], stops: [], payCents: 1_400, payText: '€14.00' }),
        },
      ),
    );
  }

  private part<Event extends DeliveryEvent>(deliveryId: DeliveryId, event: Event): TripPart<Event> {
    this.log.push(
      `${this.now - START} ms, ${deliveryId} is ${this.deliveries[deliveryId].status}: ${JSON.stringify(event)}`,
    );
    const context = {
      now: this.now,
      newId: () => `id-${this.ids++}`,
      actor: 'by' in event ? event.by : SYSTEM,
      limits: LIMITS,
      features: this.features,
    };
    return { state: this.read(deliveryId, event), event, context };
  }

  /** As the store writes: only what a decision changed, one after the other. */
  private writeAll(decided: TripDecision[]): TripDecision[] {
    for (const { before, decision } of decided) {
      const { next } = decision;
      const offers = next.offers.filter((offer) => !before.offers.includes(offer));
      this.write(before.delivery.deliveryId as DeliveryId, { ...next, offers });
    }
    return decided;
  }

  private write(
    deliveryId: DeliveryId,
    { delivery, offers, assignments, drivers, supportCase }: DeliveryState,
  ): void {
    if (supportCase)
      this.cases[deliveryId] = [
        ...this.cases[deliveryId].filter(({ caseId }) => caseId !== supportCase.caseId),
        supportCase,
      ];
    this.deliveries[deliveryId] = delivery;
    offers.forEach((offer) => this.offers.set(offer.offerId, offer));
    this.assignments[deliveryId] = [...assignments];
    Object.entries(drivers).forEach(([id, driver]) => this.drivers.set(id, driver));
  }

  /** A driver's own change, with the news that it sends to deliveries. */
  ask(driverId: string, request: AvailabilityRequest): void {
    const driver = this.drivers.get(driverId);
    const decision =
      driver &&
      decideAvailability(driver, request, LIMITS.availability, { availabilityStates: true }, this.now);
    if (!driver || decision?.kind !== 'changed') return;
    this.drivers.set(driverId, decision.next);
    for (const deliveryId of DELIVERIES) {
      const offer = this.live(deliveryId).find((each) => each.driverId === driverId);
      if (offer && decision.withdrawsOffers)
        this.news.push({ driverId, deliveryId, offerId: offer.offerId, assignmentId: null });
      const work = this.active(deliveryId);
      if (work?.driverId === driverId && decision.losesWork && work.pickedUpAt === null)
        this.news.push({ driverId, deliveryId, offerId: null, assignmentId: work.assignmentId });
    }
  }

  carrying(driverId: string): AvailabilityRequest & { kind: 'shiftEnd' } {
    const work = DELIVERIES.flatMap((deliveryId) => this.active(deliveryId) ?? []).filter(
      (each) => each.driverId === driverId,
    );
    const after = work.filter(({ pickedUpAt }) => pickedUpAt !== null).length;
    return { kind: 'shiftEnd', carrying: carryingOf(work.length - after, after) };
  }
}

function newDelivery(deliveryId: DeliveryId, searchAt: number): DeliveryFacts {
  return {
    deliveryId,
    merchantId: 'bakery',
    sellerOrderId: deliveryId,
    cityId: 'ams',
    status: 'PENDING',
    statusSince: START,
    reasonCode: null,
    readyAt: searchAt,
    searchAt,
    searchAgainAt: null,
    searchRound: 0,
    clock: NEW_CLOCK,
    escalationLevel: 0,
    driverId: null,
    pinned: false,
    payCents: 700,
    bonusCents: 0,
    assignedAt: null,
    pickedUpAt: null,
    closedAt: null,
    zoneId: null,
    escalatedAt: null,
    escalatedAfterMs: null,
    cityEscalationMinutes: [],
    cityTimezone: 'Europe/Amsterdam',
    cityLocale: null,
    cityPay: null,
    currency: 'EUR',
    broadcastSince: null,
    heldReason: null,
    lostAt: null,
    losses: 0,
    delayedSince: null,
    windowWarnedAt: null,
  };
}

function newDriver(driverId: string, given: Partial<DriverFacts>): DriverFacts {
  return {
    driverId,
    cityId: 'ams',
    availability: 'AVAILABLE',
    availabilityUntil: null,
    availabilityReason: null,
    pending: null,
    capacity: 1,
    liveOffers: 0,
    activeAssignments: 0,
    offerVersion: 2,
    shiftEndsAt: null,
    lastFixAt: null,
    nextSlots: 0,
    lapsesInRow: 0,
    ...given,
  };
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object') Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}

// ---- what can happen ----

/** One step: of a delivery, of a driver, or time passing. Each `Nat` chooses among what exists. */
type Happening =
  | { kind: 'time'; ms: number }
  | { kind: 'driver'; driver: number; request: 'offline' | 'online' | 'break' | 'breakEnd' | 'shiftEnd' }
  | { kind: 'news'; index: number }
  | { kind: 'again'; index: number }
  | { kind: 'due'; delivery: DeliveryId }
  | { kind: 'lapse'; delivery: DeliveryId }
  /** A round proposes one driver for both deliveries. */
  | { kind: 'trip'; delivery: DeliveryId; look: Looking }
  | { kind: 'flags'; features: DispatchFeatures }
  /** The driver's app shows the offer. */
  | { kind: 'shown'; index: number }
  | { kind: 'event'; delivery: DeliveryId; event: (world: World) => DeliveryEvent };

const nat = fc.nat(30);
const delivery = fc.constantFrom(...DELIVERIES);
const pick = <T>(things: readonly T[], index: number): T | undefined =>
  things[index % Math.max(1, things.length)];
const driverId = (world: World, index: number): string => pick([...world.drivers.keys()], index) ?? '';
const by = (world: World, on: DeliveryId, index: number): Actor =>
  index % 4 === 0
    ? OPS
    : {
        kind: 'driver',
        id:
          index % 4 === 1
            ? driverId(world, index)
            : (world.active(on)?.driverId ??
              world.assignments[on].at(-1)?.driverId ??
              driverId(world, index)),
      };

const event = (
  make: fc.Arbitrary<(world: World, on: DeliveryId) => DeliveryEvent>,
): fc.Arbitrary<Happening> =>
  fc
    .tuple(delivery, make)
    .map(([on, of]) => ({ kind: 'event', delivery: on, event: (world) => of(world, on) }));

type Looking = {
  driver: number | null;
  wave: number;
  vain: Inconclusive | null;
  offersOn: boolean;
  freed: number | null;
  lapseMs: number | null;
};
const looking: fc.Arbitrary<Looking> = fc.record({
  driver: fc.option(nat),
  wave: fc.integer({ min: 1, max: 3 }),
  vain: fc.option(fc.constantFrom('CONTENDED' as const, 'MAP_AWAY' as const)),
  offersOn: fc.boolean(),
  freed: fc.option(nat),
  lapseMs: fc.option(fc.integer({ min: -5_000, max: 5_000 })),
});

/**
 * As the activities look around: only for a delivery that is searched for, and only who could be locked free
 * is chosen.
 */
function searchOf(
  world: World,
  on: DeliveryId,
  { driver, wave, vain, offersOn, lapseMs }: Looking,
): SearchOutcome {
  const isSearched = isWaiting(world.deliveries[on], world.now);
  const free = isSearched ? freeDrivers(world) : [];
  const isBroadcast =
    offersOn && world.features.escalation && plannedState(world, on).broadcastSince !== null;
  const first = driver === null ? undefined : pick(free, driver);
  const chosen =
    first && isBroadcast
      ? [first, ...free.filter((each) => each !== first && (each.offerVersion ?? 1) >= 2)].slice(0, wave)
      : first
        ? [first]
        : [];
  return {
    chosen: chosen.map((each) => ({ driverId: each.driverId, why: {}, payload: OFFER_PAYLOAD })),
    isBroadcast,
    isBroadcastOver: isBroadcast && wave === 3,
    inconclusive: isSearched ? (first ? null : vain) : 'NOT_MADE',
    offersOn,
    ttlMs: LIMITS.offerTtlMs,
    exclusionEndsAt: lapseMs === null ? null : world.now + lapseMs,
  };
}

function plannedState(world: World, on: DeliveryId): EscalatedState {
  const facts = world.deliveries[on];
  return world.features.escalation ? stateAfterDue(facts, LIMITS.escalation, world.now) : facts;
}

function isWaiting({ status, searchAt, heldReason }: DeliveryFacts, now: number): boolean {
  if (heldReason !== null) return false;
  return status === 'SEARCHING' || (status === 'PENDING' && searchAt <= now);
}

function freeDrivers(world: World): DriverFacts[] {
  return [...world.drivers.values()].filter((driver) => takesWork(driver) && driver.liveOffers === 0);
}

const search = event(
  looking.map((look) => (world, on) => ({
    kind: 'lookForDriver',
    search: searchOf(world, on, look),
    freed: look.freed === null ? null : { driverId: driverId(world, look.freed), passed: [] },
  })),
);

const offerAnswer = event(
  fc.record({ index: nat, who: nat, accepts: fc.boolean() }).map(({ index, who, accepts }) => (world, on) => {
    const offer = pick([...world.live(on), ...world.offersOf(on)], index);
    const answer = {
      offerId: offer?.offerId ?? 'none',
      driverId: who % 8 === 0 ? driverId(world, who) : (offer?.driverId ?? 'none'),
    };
    return accepts ? { kind: 'acceptOffer', ...answer } : { kind: 'rejectOffer', ...answer, reason: 'OTHER' };
  }),
);

const step = event(
  fc
    .record({
      name: fc.constantFrom(...(Object.keys(STEPS) as Step[])),
      goesOn: fc.boolean(),
      who: nat,
      lateMs: fc.option(fc.oneof(fc.nat(1_000), fc.nat(60 * MINUTE))),
    })
    .map(({ name, goesOn, who, lateMs }) => (world, on) => {
      const next = (Object.keys(STEPS) as Step[]).find(
        (each) => STEPS[each].from === world.deliveries[on].status,
      );
      const deviceAt = lateMs === null ? null : world.now - lateMs;
      return { kind: 'takeStep', step: goesOn && next ? next : name, by: by(world, on, who), deviceAt };
    }),
);

const failing = event(
  fc
    .record({
      reason: fc.constantFrom<ReasonCode>(...PICKUP_FAILURES, ...DROPOFF_FAILURES),
      goods: fc.constantFrom('RETURN' as const, 'LOST' as const),
      who: nat,
    })
    .map(({ reason, goods, who }) => (world, on) => ({
      kind: 'failDelivery',
      by: by(world, on, who),
      reason,
      goods,
    })),
);

const STOP = {
  address: 'x',
  point: { lat: 52.37, lng: 4.89 },
  contactName: null,
  contactPhone: null,
  contactPhoneE164: null,
  notes: null,
};

const changing = event(
  fc
    .record({ laterMs: fc.integer({ min: -60 * MINUTE, max: 180 * MINUTE }), what: fc.nat(7) })
    .map(({ laterMs, what }) => (world, on) => {
      const { readyAt, searchAt, payCents, zoneId } = world.deliveries[on];
      const change = {
        pickup: {},
        dropoff: {
          ...(what & 1 ? { notes: `${laterMs}` } : {}),
          ...(what & 2 ? { point: { lat: 52.37, lng: 4.89 + laterMs / (1_000 * MINUTE) } } : {}),
        },
        ...(what & 4 ? { readyAt: world.now + laterMs } : {}),
      };
      const order = {
        ...{ readyAt, searchAt, payCents, zoneId, windowFrom: null, windowTo: null, feeCents: 500 },
        ...{ pickup: STOP, dropoff: STOP, parcelSize: 'SMALL' as const, distanceMeters: 0 },
      };
      return {
        kind: 'changeOrder',
        changeId: 'change',
        by: OPS,
        request: { change, appliedAt: null, order },
      };
    }),
);

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 2, arbitrary: changing },
  { weight: 7, arbitrary: search },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('trip' as const), delivery, look: looking }) },
  { weight: 7, arbitrary: offerAnswer },
  { weight: 12, arbitrary: step },
  { weight: 1, arbitrary: failing },
  {
    weight: 1,
    arbitrary: event(
      nat.map((index) => (world, on) => ({
        kind: 'lapseOffer',
        offerId: pick(world.offersOf(on), index)?.offerId ?? 'none',
      })),
    ),
  },
  { weight: 1, arbitrary: event(fc.constant(() => ({ kind: 'giveUpSearch' }))) },
  { weight: 1, arbitrary: event(fc.constant(() => ({ kind: 'escalate' }))) },
  {
    weight: 2,
    arbitrary: event(
      fc.tuple(nat, fc.boolean(), fc.boolean()).map(([index, override, meets]) => (world) => ({
        kind: 'handOver',
        driverId: driverId(world, index),
        by: OPS,
        override,
        meeting: meets ? { point: { lat: 52, lng: 4 }, address: null } : null,
        why: 'test',
      })),
    ),
  },
  {
    weight: 2,
    arbitrary: event(
      fc.tuple(nat, fc.constantFrom(...LEAVE_REASONS)).map(([who, reason]) => (world, on) => {
        const job = world.active(on) ?? pick(world.assignments[on], who);
        return {
          kind: 'leaveDelivery',
          driverId: who % 4 === 0 ? driverId(world, who) : (job?.driverId ?? 'none'),
          assignmentId: job?.assignmentId ?? 'none',
          reason,
        };
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: event(
      fc.tuple(nat, nat, fc.boolean()).map(([index, assignment, ofOffer]) => (world, on) => {
        const [offer, job] = [pick(world.offersOf(on), index), pick(world.assignments[on], assignment)];
        return ofOffer
          ? {
              kind: 'rescueDelivery',
              driverId: offer?.driverId ?? 'none',
              offerId: offer?.offerId ?? null,
              assignmentId: null,
              by: OPS,
              why: 'test',
            }
          : {
              kind: 'rescueDelivery',
              driverId: job?.driverId ?? 'none',
              offerId: null,
              assignmentId: job?.assignmentId ?? null,
              by: OPS,
              why: 'test',
            };
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: event(
      fc.nat(600).map((bonusCents) => () => ({ kind: 'raisePay', bonusCents, by: OPS, why: 'test' })),
    ),
  },
  { weight: 2, arbitrary: event(fc.constant(() => ({ kind: 'resumeSearch', by: OPS, why: 'test' }))) },
  {
    weight: 1,
    arbitrary: event(
      fc.constant(() => ({ kind: 'searchFarther', radiusMeters: 30_000, by: OPS, why: 'test' })),
    ),
  },
  {
    weight: 2,
    arbitrary: event(
      fc.constantFrom(...LOSS_REASONS).map((why) => (world, on) => ({
        kind: 'releaseDriver',
        driverId: world.active(on)?.driverId ?? 'none',
        offerId: null,
        assignmentId: world.active(on)?.assignmentId ?? null,
        why,
      })),
    ),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('shown' as const), index: nat }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('flags' as const),
      features: fc.record({
        availabilityStates: fc.constant(() => true),
        escalation: fc.boolean(),
        autoReassignment: fc.boolean(),
        batchMatching: fc.boolean(),
      }),
    }),
  },
  {
    weight: 1,
    arbitrary: event(fc.constant(() => ({ kind: 'cancelDelivery', by: OPS, reason: 'OPS_CANCELLED' }))),
  },
  {
    weight: 2,
    arbitrary: event(
      fc.tuple(nat, fc.boolean()).map(([index, override]) => (world) => ({
        kind: 'assignDriver',
        driverId: driverId(world, index),
        by: OPS,
        override,
        why: 'test',
      })),
    ),
  },
  {
    weight: 1,
    arbitrary: event(
      fc.tuple(nat, nat).map(([offer, assignment]) => (world, on) => ({
        kind: 'releaseDriver',
        driverId: driverId(world, offer),
        offerId: pick(world.offersOf(on), offer)?.offerId ?? null,
        why: 'test',
        assignmentId: pick(world.assignments[on], assignment)?.assignmentId ?? null,
      })),
    ),
  },
  { weight: 2, arbitrary: event(fc.constant(() => ({ kind: 'readDelivery' }))) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('time' as const),
      ms: fc.oneof(fc.nat(1_000), fc.nat(40_000), fc.nat(60 * MINUTE)),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('driver' as const),
      driver: nat,
      request: fc.constantFrom(
        'offline' as const,
        'online' as const,
        'online' as const,
        'break' as const,
        'breakEnd' as const,
        'shiftEnd' as const,
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('news' as const), index: nat }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('again' as const), index: nat }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('due' as const), delivery }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lapse' as const), delivery }) },
);

const fleet = fc.array(
  fc.record({ capacity: fc.constantFrom(1, 2, 2, 3), offerVersion: fc.constantFrom(3, 3, 2, 1, null) }),
  { minLength: 1, maxLength: 4 },
);

/** Applies a step. */
function happen(world: World, it: Happening): void {
  switch (it.kind) {
    case 'time':
      world.now += it.ms;
      return;
    case 'driver':
      return world.ask(driverId(world, it.driver), requestOf(world, driverId(world, it.driver), it.request));
    case 'news': {
      const [news] = world.news.splice(it.index % Math.max(1, world.news.length), 1);
      if (news) tell(world, news.deliveryId, { kind: 'releaseDriver', ...news, why: 'test' });
      return;
    }
    case 'again':
      return repeatLate(world, it.index);
    case 'due':
      return actOnDeadlines(world, it.delivery);
    case 'lapse':
      return lapseOnTime(world, it.delivery);
    case 'trip':
      return proposeTrip(world, it.delivery, it.look);
    case 'flags':
      world.features = it.features;
      return;
    case 'shown': {
      const offer = pick(
        [...world.offers.values()].filter(({ state }) => state === 'LIVE'),
        it.index,
      );
      if (offer) world.offers.set(offer.offerId, { ...offer, reachedAt: world.now });
      return;
    }
    case 'event':
      return tell(world, it.delivery, it.event(world));
  }
}

/** Rounds propose for deliveries that wait: those whose search is to begin have looked in vain before. */
function proposeTrip(world: World, on: DeliveryId, look: Looking): void {
  for (const each of DELIVERIES) {
    if (world.deliveries[each].status !== 'PENDING') continue;
    world.now = Math.max(world.now, world.deliveries[each].searchAt);
    const vain = searchOf(world, each, { ...look, driver: null });
    tell(world, each, { kind: 'lookForDriver', search: vain, freed: null });
  }
  const found = searchOf(world, on, look);
  const search = { ...found, chosen: found.chosen.slice(0, 1), isBroadcast: false, isBroadcastOver: false };
  const before = new Map(world.offers);
  const decided = world.offerTrip([on, ...DELIVERIES.filter((each) => each !== on)], search);
  const isTrip = decided.length > 1;
  if (isTrip) seen.add('trip → offered');
  check(world, before, decided);
}

/** As the offer's timer does it. By chance alone, hardly any offer is answered after it has expired. */
function lapseOnTime(world: World, on: DeliveryId): void {
  const [offer] = world.live(on);
  if (!offer) return;
  world.now = Math.max(world.now, offer.expiresAt);
  tell(world, on, { kind: 'lapseOffer', offerId: offer.offerId });
}

function requestOf(
  world: World,
  id: string,
  wish: Extract<Happening, { kind: 'driver' }>['request'],
): AvailabilityRequest {
  const { carrying } = world.carrying(id);
  switch (wish) {
    case 'offline':
      return { kind: 'set', availability: 'OFFLINE', carrying };
    case 'online':
      return { kind: 'set', availability: 'AVAILABLE', carrying };
    case 'break':
      return { kind: 'breakStart', minutes: 30, reason: null };
    case 'breakEnd':
      return { kind: 'breakEnd' };
    case 'shiftEnd':
      return { kind: 'shiftEnd', carrying };
  }
}

// ---- what must hold ----

/** A plain check, since it runs a million times. */
function holds(isSo: boolean, rule: string): void {
  if (!isSo) throw new Error(`not so: ${rule}`);
}

/** Tells an event, then the same again, as a worker does that died before it could say that it was done. */
function tell(world: World, on: DeliveryId, it: DeliveryEvent): void {
  const before = new Map(world.offers);
  const decided = world.tellAll(on, it);
  const [own] = decided;
  if (!own) throw new Error('nothing was decided');
  const { decision } = own;
  seen
    .add(`${it.kind} → ${isRefusal(decision.answer) ? decision.answer.refused : decision.answer.outcome}`)
    .add(decision.next.delivery.status);
  if (decided.length > 1) seen.add('trip → taken');
  check(world, before, decided);
  const isSearched = world.deliveries[on].status === 'SEARCHING' || world.deliveries[on].status === 'PENDING';
  if (it.kind !== 'lookForDriver' || !isSearched) checkRepeat(world, on, it, decision.answer);
  if (!isRefusal(decision.answer) && (it.kind === 'acceptOffer' || it.kind === 'rejectOffer'))
    world.answers.push({ deliveryId: on, event: it, answer: decision.answer });
}

function check(
  world: World,
  before: ReadonlyMap<string, OfferFacts>,
  decided: readonly TripDecision[],
): void {
  for (const { before: state, decision } of decided) checkDecision(state, decision, world.now);
  checkOffersEndOnce(before, world);
  for (const { before: state } of decided) checkInvariants(world, state.delivery.deliveryId as DeliveryId);
  checkTrips(before, world);
}

/** Offers of a trip are made and end together; an end tells of itself once to the driver, and counts once. */
function checkTrips(before: ReadonlyMap<string, OfferFacts>, { offers }: World): void {
  const trips = new Map<string, OfferFacts[]>();
  for (const offer of offers.values())
    if (offer.trip) trips.set(offer.trip.tripId, [...(trips.get(offer.trip.tripId) ?? []), offer]);
  for (const all of trips.values()) {
    holds(new Set(all.map(({ state }) => state)).size === 1, 'a trip is offered, taken and ended as a whole');
    holds(new Set(all.map(({ driverId }) => driverId)).size === 1, 'a trip is of one driver');
    holds(new Set(all.map(({ expiresAt }) => expiresAt)).size === 1, 'offers of a trip expire together');
    holds(all.length > 1 && all.every(({ trip }, at) => trip?.seat === at), 'each has its seat');
    const hadEnded = before.get(all[0]?.offerId ?? '')?.state;
    const state = all[0]?.state ?? '';
    if (hadEnded === 'LIVE' && state !== 'LIVE') seen.add(`trip → ${state}`);
  }
}

/**
 * A look around that finds nobody may do so again, and a later instant may be that of the next level; all
 * else happens once.
 */
function checkRepeat(world: World, on: DeliveryId, it: DeliveryEvent, first: Answer): void {
  const repeated = repeatOf(it, first);
  world.now += it.kind === 'escalate' ? 0 : 1;
  const {
    state,
    decision: { next, entries, messages, answer },
  } = world.tell(on, repeated);
  holds(next === state && entries.length === 0, `a repeated ${it.kind} changes nothing`);
  holds(
    messages.every(({ kind }) => kind === 'driverFree'),
    `a repeated ${it.kind} tells nothing anew`,
  );
  const isSame = isRefusal(first)
    ? isRefusal(answer) && answer.refused === first.refused
    : canonicalJson(answer) === canonicalJson(first);
  holds(isSame, `a repeated ${it.kind} is answered ${canonicalJson(first)}, not ${canonicalJson(answer)}`);
}

function repeatOf(it: DeliveryEvent, first: Answer): DeliveryEvent {
  if (it.kind === 'lookForDriver') return { ...it, search: { ...it.search, chosen: [] } };
  if (it.kind !== 'changeOrder' || it.request === null || !('at' in first)) return it;
  return { ...it, request: { ...it.request, appliedAt: first.at } }; // as its row has it by then
}

/** Acknowledged results never change. */
function repeatLate(world: World, index: number): void {
  const asked = pick(world.answers, index);
  if (!asked) return;
  const {
    decision: { answer },
  } = world.tell(asked.deliveryId, asked.event);
  holds(
    canonicalJson(answer) === canonicalJson(asked.answer),
    `${asked.event.kind} was answered ${canonicalJson(asked.answer)} and now ${canonicalJson(answer)}`,
  );
  checkInvariants(world, asked.deliveryId);
}

function checkDecision(
  { delivery: was }: DeliveryState,
  { next, newOffers, newAssignment, entries }: Decision,
  now: number,
): void {
  let status: string = was.status;
  for (const { from, to } of entries.filter(({ kind }) => kind === 'delivery_moved')) {
    holds(
      from === status && canMove(from as DeliveryFacts['status'], to as DeliveryFacts['status']),
      `the trail goes in legal steps, not from ${status} by ${from} to ${to}`,
    );
    status = to ?? '';
  }
  holds(next.delivery.status === status, 'the trail leads to the state');
  holds(
    newOffers.every((made) => next.offers.some(({ offerId }) => offerId === made.offerId)),
    'new offers are among the offers',
  );
  holds(
    newAssignment === null ||
      next.assignments.some(({ assignmentId }) => assignmentId === newAssignment.assignmentId),
    'a new assignment is among the assignments',
  );
  if (
    next.delivery.status === 'SEARCHING' &&
    next.delivery.searchAgainAt !== was.searchAgainAt &&
    next.delivery.heldReason === null
  )
    holds((next.delivery.searchAgainAt ?? 0) >= now, 'the next search lies not in the past');
}

function checkOffersEndOnce(before: ReadonlyMap<string, OfferFacts>, { offers, now }: World): void {
  for (const offer of offers.values()) {
    const old = before.get(offer.offerId);
    holds(!old || old.state === 'LIVE' || offer === old, 'an offer ends once');
    holds((offer.endedAt === null) === (offer.state === 'LIVE'), 'an offer that is over has an end');
    holds(
      offer.state !== 'EXPIRED' || old?.state !== 'LIVE' || now >= offer.expiresAt,
      'an offer never expires before its time',
    );
  }
}

function checkInvariants(world: World, told: DeliveryId): void {
  holds(
    (world.deliveries[told].status === 'OFFERED') === world.live(told).length > 0,
    'a delivery is OFFERED exactly while an offer is live',
  );
  for (const driver of world.drivers.values()) checkDriver(world, driver);
  for (const deliveryId of DELIVERIES) checkDelivery(world, deliveryId);
}

function checkDriver(
  world: World,
  { driverId: id, capacity, liveOffers, activeAssignments, availability }: DriverFacts,
): void {
  const active = DELIVERIES.filter((deliveryId) => world.active(deliveryId)?.driverId === id).length;
  const offers = DELIVERIES.flatMap((deliveryId) => world.live(deliveryId)).filter(
    (each) => each.driverId === id,
  );
  const live = offers.length;
  holds(liveOffers === live && activeAssignments === active, 'a driver’s counters are what the rows say');
  holds(
    (live <= 1 || new Set(offers.map(({ trip }) => trip?.tripId)).size === 1) && live + active <= capacity,
    'a driver has one live offer or trip at the most, and no more than capacity',
  );
  holds(availability !== 'BUSY' || active > 0, 'BUSY means work');
  holds(
    active === 0 || availability === 'BUSY' || availability === 'OFFLINE' || availability === 'SHIFT_ENDED',
    'who has work is BUSY, or has just gone',
  );
}

const CARRIED = ['ASSIGNED', 'AT_PICKUP', 'PICKED_UP', 'AT_DROPOFF', 'RETURNING'];

function checkDelivery(world: World, deliveryId: DeliveryId): void {
  const {
    status,
    driverId: carriedBy,
    closedAt,
    searchAgainAt,
    clock,
    heldReason,
    escalationLevel,
  } = world.deliveries[deliveryId];
  const active = world.assignments[deliveryId].filter(({ state }) => state === 'ACTIVE');
  const isCarried = CARRIED.includes(status);
  holds(
    active.length === (isCarried ? 1 : 0) && active.every((each) => each.driverId === carriedBy),
    'a delivery is carried by the driver of its one active assignment',
  );
  const live = world.live(deliveryId);
  holds(live.length === 0 || status === 'OFFERED', 'offers are live only while the delivery is OFFERED');
  holds(
    live.length <= 1 || live.every(({ kind }) => kind === 'BROADCAST'),
    'one live single offer a delivery, and none beside a broadcast',
  );
  holds((closedAt !== null) === isClosed(status), 'closed means over');
  holds(
    (clock.runningSince !== null) === (status === 'SEARCHING' || status === 'OFFERED'),
    'the clock runs exactly while nobody has it',
  );
  holds(
    status !== 'SEARCHING' || (searchAgainAt !== null) === (heldReason === null),
    'who searches will search again, or waits for ops',
  );
  holds(heldReason === null || status === 'SEARCHING', 'only a search waits for ops');
  const open = world.cases[deliveryId].filter(({ state }) => state !== 'RESOLVED');
  holds(open.length <= 1, 'one open case a delivery');
  holds(
    heldReason === null || open[0]?.reason === heldReason,
    'a search that waits for ops stands in their queue',
  );
  holds(!isClosed(status) || open.length === 0, 'what is over is in no queue');
  holds(
    open.every(({ level }) => level <= escalationLevel),
    'a case is no higher than its delivery',
  );
  const isHeld = ({ offerId }: OfferFacts): boolean =>
    world.assignments[deliveryId].filter((each) => each.offerId === offerId).length === 1;
  holds(
    world
      .offersOf(deliveryId)
      .filter(({ state }) => state === 'ACCEPTED')
      .every(isHeld),
    'an accepted offer is one assignment',
  );
}

/**
 * As the workflow does: from deadline to deadline until the next one lies ahead. It must come to rest, and
 * wait for something.
 */
function actOnDeadlines(world: World, on: DeliveryId): void {
  tell(world, on, { kind: 'readDelivery' });
  for (let acts = 0; acts < 10; acts += 1) {
    const known = snapshotOf(world.read(on, { kind: 'readDelivery' }), LIMITS, world.features);
    const due = nextDeadline(known);
    if (!due)
      return holds(
        known.closed || CARRIED.includes(known.status) || known.heldReason !== null,
        `a delivery that is ${known.status} waits for something`,
      );
    if (due.at > world.now) return;
    const search = searchOf(world, on, {
      driver: null,
      wave: 1,
      vain: acts % 2 === 0 ? 'CONTENDED' : null,
      offersOn: true,
      freed: null,
      lapseMs: 0,
    });
    tell(world, on, due.event.kind === 'lookForDriver' ? { ...due.event, search, freed: null } : due.event);
  }
  throw new Error(`${on} is ${world.deliveries[on].status} and finds no rest`);
}

/** Counts outcomes over all runs, to detect a generator that reaches nothing. */
const seen = new Set<string>();

describe('any events in any order', () => {
  it('keep every invariant, never throw, and are idempotent', () => {
    fc.assert(
      fc.property(fleet, fc.array(happening, { maxLength: 80, size: 'max' }), (drivers, happenings) => {
        const world = new World(drivers);
        try {
          happenings.forEach((it) => happen(world, it));
        } catch (error) {
          throw new Error(`${String(error)}, after\n${world.log.join('\n')}`, { cause: error });
        }
      }),
      { numRuns: 2_500 },
    );
    const wanted: readonly string[] = [
      ...DELIVERY_STATUSES,
      'acceptOffer → accepted',
      'acceptOffer → OFFER_EXPIRED',
      'acceptOffer → OFFER_WITHDRAWN',
      'acceptOffer → ALREADY_ANSWERED',
      'trip → offered',
      'trip → taken',
      'trip → ACCEPTED',
      'trip → REJECTED',
      'trip → EXPIRED',
      'trip → WITHDRAWN',
      'rejectOffer → rejected',
      'takeStep → moved',
      'takeStep → ILLEGAL_TRANSITION',
      'takeStep → NOT_FOUND',
      'takeStep → GOODS_IN_HAND',
      'takeStep → GOODS_NOT_NEEDED',
      'failDelivery → moved',
      'failDelivery → REASON_NOT_ALLOWED',
      'assignDriver → assigned',
      'assignDriver → DRIVER_HAS_NO_ROOM',
      'assignDriver → DRIVER_ON_BREAK',
      'assignDriver → DRIVER_OFF_DUTY',
      'giveUpSearch → noted',
      'lapseOffer → noted',
      'escalate → noted',
      'handOver → assigned',
      'handOver → NOT_PICKED_UP',
      'leaveDelivery → released',
      'leaveDelivery → escalated',
      'rescueDelivery → released',
      'rescueDelivery → escalated',
      'raisePay → payRaised',
      'raisePay → PAY_NOT_RAISED',
      'resumeSearch → searching',
      'searchFarther → searching',
      'searchFarther → ILLEGAL_TRANSITION',
    ];
    expect(wanted.filter((each) => !seen.has(each))).toEqual([]);
  });
});

describe('a search', () => {
  const told = (world: World, event: DeliveryEvent): DeliveryFacts =>
    world.tell('left', event).decision.next.delivery;
  const vain: SearchOutcome = {
    chosen: [],
    isBroadcast: false,
    isBroadcastOver: false,
    inconclusive: null,
    offersOn: true,
    ttlMs: LIMITS.offerTtlMs,
    exclusionEndsAt: null,
  };

  const wider = { kind: 'searchFarther', radiusMeters: 30_000, by: OPS, why: 'rain' } as const;

  it('is made at once where ops widen it, counts no round for that, and says so in the trail', () => {
    const world = new World([{}]);
    told(world, { kind: 'lookForDriver', search: vain, freed: null });
    const { decision } = world.tell('left', wider);
    expect(decision.next.delivery).toMatchObject({ searchRound: 1, searchAgainAt: START });
    expect(decision.entries.map(({ kind, why, detail }) => ({ kind, why, detail }))).toEqual([
      { kind: 'search_widened', why: 'rain', detail: { radiusMeters: 30_000 } },
    ]);
    const again = world.tell('left', wider).decision;
    expect(again.entries).toEqual([]);
    expect(again.next.delivery).toMatchObject({ searchAgainAt: START });
  });

  it('that waits for ops is not made because they widen it', () => {
    const world = new World([{}]);
    told(world, { kind: 'lookForDriver', search: vain, freed: null });
    world.deliveries.left = { ...world.deliveries.left, heldReason: 'REASSIGNMENT_OFF', searchAgainAt: null };
    expect(told(world, wider)).toMatchObject({ heldReason: 'REASSIGNMENT_OFF', searchAgainAt: null });
  });

  it('backs off and widens after each fruitless round', () => {
    const world = new World([{}]);
    expect(told(world, { kind: 'lookForDriver', search: vain, freed: null })).toMatchObject({
      searchRound: 1,
      searchAgainAt: START + 5_000,
    });
    expect(told(world, { kind: 'lookForDriver', search: vain, freed: null })).toMatchObject({
      searchRound: 2,
      searchAgainAt: START + 10_000,
    });
  });

  it('that was woken in vain keeps the time of the next one', () => {
    const world = new World([{}]);
    const planned = told(world, { kind: 'lookForDriver', search: vain, freed: null });
    world.now += 4_000;
    expect(
      told(world, { kind: 'lookForDriver', search: vain, freed: { driverId: 'driver-0', passed: [] } }),
    ).toEqual(planned);
  });

  it.each([
    ['CONTENDED', 1_000],
    ['MAP_AWAY', 5_000],
  ] as const)('that was %s comes again soon and counts as no round', (inconclusive, waitMs) => {
    const world = new World([{}]);
    expect(
      told(world, { kind: 'lookForDriver', search: { ...vain, inconclusive }, freed: null }),
    ).toMatchObject({ searchRound: 0, searchAgainAt: START + waitMs });
  });

  it('runs at once where the offer was withdrawn during candidate look-up', () => {
    const world = new World([{}]);
    const chosen = [{ driverId: 'driver-0', why: {}, payload: OFFER_PAYLOAD }];
    told(world, { kind: 'lookForDriver', search: { ...vain, chosen }, freed: null });
    world.tell('right', {
      kind: 'assignDriver',
      driverId: 'driver-0',
      by: OPS,
      override: false,
      why: 'urgent',
    });
    world.now += 1_000;
    expect(
      told(world, { kind: 'lookForDriver', search: { ...vain, inconclusive: 'NOT_MADE' }, freed: null }),
    ).toMatchObject({ status: 'SEARCHING', searchRound: 0, searchAgainAt: world.now });
  });

  describe('where the matching of its city looks for the driver', () => {
    const matched = (): World => {
      const world = new World([{}]);
      world.features = { ...FEATURES, batchMatching: true };
      return world;
    };
    const calls = (world: World, event: DeliveryEvent): number =>
      world.tell('left', event).decision.messages.filter(({ kind }) => kind === 'roundDue').length;
    const vainly = { kind: 'lookForDriver', search: vain, freed: null } as const;
    const proposal = { driverId: 'driver-0', roundId: 'round-1', parts: [] };

    it('calls for a round when it is in vain, and comes again only as a net', () => {
      const world = matched();
      expect(calls(world, vainly)).toBe(1);
      expect(world.deliveries.left).toMatchObject({
        searchRound: 1,
        searchAgainAt: START + ownNetMs(MINUTE),
      });
    });

    it('searches at once when the sweep of the net has its row read again', () => {
      const world = matched();
      world.tell('left', vainly);
      world.now += 5_000;
      world.tell('left', { kind: 'readDelivery' });
      expect(world.deliveries.left).toMatchObject({ status: 'SEARCHING', searchAgainAt: START + 5_000 });
      world.tell('left', {
        kind: 'lookForDriver',
        search: { ...vain, inconclusive: 'MATCHED' },
        freed: null,
      });
      expect(world.deliveries.left).toMatchObject({ searchAgainAt: START + 5_000 + ownNetMs(MINUTE) });
    });

    it.each(['CONTENDED', 'SCARCE'] as const)('leaves it to the round where it is %s', (inconclusive) => {
      const world = matched();
      expect(calls(world, { ...vainly, search: { ...vain, inconclusive } })).toBe(1);
      expect(world.deliveries.left).toMatchObject({
        searchRound: 0,
        searchAgainAt: START + ownNetMs(MINUTE),
      });
    });

    it('calls for none while rounds come', () => {
      const world = matched();
      expect(calls(world, { ...vainly, search: { ...vain, inconclusive: 'MATCHED' } })).toBe(0);
      expect(world.deliveries.left).toMatchObject({
        searchRound: 0,
        searchAgainAt: START + ownNetMs(MINUTE),
      });
    });

    it('comes again soon while the map is away', () => {
      const world = matched();
      expect(calls(world, { ...vainly, search: { ...vain, inconclusive: 'MAP_AWAY' } })).toBe(0);
      expect(world.deliveries.left).toMatchObject({ searchAgainAt: START + 5_000 });
    });

    it('asks the driver whom a round proposes', () => {
      const world = matched();
      told(world, vainly);
      const chosen = [{ driverId: 'driver-0', why: {}, payload: OFFER_PAYLOAD }];
      told(world, { ...vainly, search: { ...vain, chosen }, proposal });
      expect(world.live('left')).toMatchObject([{ driverId: 'driver-0', kind: 'SINGLE' }]);
    });

    it('calls for another round at once where the one proposed cannot be held, and keeps its net', () => {
      const world = matched();
      told(world, vainly);
      world.now += 4_000;
      const lost = { ...vainly, search: { ...vain, inconclusive: 'CONTENDED' }, proposal } as const;
      expect(calls(world, lost)).toBe(1);
      expect(world.deliveries.left).toMatchObject({
        searchRound: 1,
        searchAgainAt: START + ownNetMs(MINUTE),
      });
    });

    it('calls for a round when its pay or level rises, without a search', () => {
      const world = matched();
      told(world, vainly);
      expect(calls(world, { kind: 'raisePay', bonusCents: 100, by: OPS, why: 'rain' })).toBe(1);
      told(world, { ...vainly, search: { ...vain, inconclusive: 'MATCHED' } });
      world.now += ESCALATION_LIMITS.thresholds[1];
      const known = snapshotOf(world.read('left', { kind: 'readDelivery' }), LIMITS, world.features);
      expect(known.escalation).toEqual({ at: world.now, level: 1 });
      expect(nextDeadline({ ...known, searchAgainAt: world.now + 1 })?.event).toEqual({ kind: 'escalate' });
      expect(calls(world, { kind: 'escalate' })).toBe(1);
      expect(world.deliveries.left.escalationLevel).toBe(1);
    });

    it('calls for a round where ops widen the searches', () => {
      const world = matched();
      told(world, vainly);
      expect(calls(world, { kind: 'searchFarther', radiusMeters: 30_000, by: OPS, why: 'rain' })).toBe(1);
    });

    it('goes on by itself as soon as matching is off', () => {
      const world = matched();
      told(world, vainly);
      world.features = FEATURES;
      world.now += MINUTE;
      expect(calls(world, vainly)).toBe(0);
      expect(world.deliveries.left).toMatchObject({ searchRound: 2, searchAgainAt: world.now + 10_000 });
    });
  });
});

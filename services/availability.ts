import {
  type Availability,
  type AvailabilityLimits,
  type DriverFacts,
  type PendingAvailability,
  type TimedState,
} from '../domain/driver/availability';
import {
  type AvailabilityChange,
  type AvailabilityRefusal,
  type AvailabilityRequest,
  type Carrying,
  carryingOf,
  decideAvailability,
} from '../domain/driver/availabilityChange';
import { type Actor } from '../domain/delivery/status';
import { bringsOnDuty } from '../domain/driver/suspension';
import { driverRoom, type Message, opsRoom } from '../domain/notices/message';
import { writeAvailability } from '../adapters/postgres/availabilityWriter';
import { type Database, type Tx, readerOf } from '../adapters/postgres/database';
import { lockDriver, readDrivers } from '../adapters/postgres/deliveryRow';
import { type DriverWork, readDriverWork } from '../adapters/postgres/driverWork';
import { enqueue } from '../adapters/postgres/outbox';
import { readSuspension } from '../adapters/postgres/suspensionRows';
import { type Clock, type DriverMap, type Features } from './ports';

export type AvailabilityDeps = {
  db: Database;
  map: Pick<DriverMap, 'readViews' | 'ingestUpSince'>;
  features: Features;
  clock: Clock;
  limits: AvailabilityLimits;
  /** Called after a commit that wrote to the outbox. */
  notifyRelay: () => void;
};

type WithoutCarrying<R> = R extends { carrying: Carrying } ? Omit<R, 'carrying'> : R;
/**
 * Requests from outside a delivery. The driver's work is read under lock. Work begins and ends in the
 * delivery's own transaction.
 */
export type AskedAvailability = WithoutCarrying<
  Exclude<AvailabilityRequest, { kind: 'workBegins' | 'workEnds' }>
>;

/** A driver's current availability. Instants are epoch ms. */
export type AvailabilityState = {
  driverId: string;
  cityId: string;
  availability: Availability;
  until: number | null;
  reason: string | null;
  pending: PendingAvailability | null;
  shiftEndsAt: number | null;
};

/** A refusal is a value. `changed` is false if nothing had to be written. */
export type AvailabilityAnswer =
  | { outcome: 'notFound' }
  | { outcome: 'refused'; code: AvailabilityRefusal | 'DRIVER_SUSPENDED'; detail: string }
  | { outcome: 'done'; changed: boolean; state: AvailabilityState };

/**
 * A timed state and the instant (epoch ms) at which it ends. `dueAt` is that instant by Temporal's clock;
 * absent: both clocks agree.
 */
export type TimedEnd = { state: Availability; until: number; dueAt?: number };

export type AvailabilityService = {
  /**
   * Decides by domain/availabilityChange.ts and writes change, audit and outbox in one transaction. A repeat
   * changes nothing.
   */
  request(
    driverId: string,
    asked: AskedAvailability,
    by: Actor,
    correlationId: string,
  ): Promise<AvailabilityAnswer>;
  /** @returns null where there is no such driver */
  read(driverId: string): Promise<AvailabilityState | null>;
  /**
   * Releases the jobs before pickup and the offers of a driver who can no longer work, unless they have come
   * back since. May be repeated.
   */
  releaseDriver(driverId: string, correlationId: string): Promise<void>;
  /**
   * Handles the timer of one timed state: ends that state and no other.
   * @returns the timed state that the driver is in afterwards, if any
   */
  endTimedState(end: TimedEnd & { driverId: string; correlationId: string }): Promise<TimedEnd | null>;
};

/** Availability of drivers outside the lifecycle of a delivery (docs/behaviour.md#availability). */
export function createAvailability(deps: AvailabilityDeps): AvailabilityService {
  return {
    request: (driverId, asked, by, correlationId) => change(deps, { driverId, asked, by, correlationId }),
    read: async (driverId) => {
      const [driver] = await readDrivers(readerOf(deps.db), [driverId]);
      return driver ? stateOf(driver.facts) : null;
    },
    releaseDriver: async (driverId, correlationId) => {
      if (await deps.db.$transaction((tx) => releaseDriver(tx, driverId, correlationId))) deps.notifyRelay();
    },
    endTimedState: ({ state, until, ...rest }) => endTimedState(deps, { state, until }, rest),
  };
}

/** @returns whether there was anything to release */
async function releaseDriver(tx: Tx, driverId: string, correlationId: string): Promise<boolean> {
  const driver = await lockDriver(readerOf(tx), driverId);
  if (driver?.facts.availability !== 'OFFLINE' && driver?.facts.pending?.kind !== 'OFFLINE') return false;
  const { offers, assignments } = await readDriverWork(tx, driverId);
  const left = { kind: 'driverLeft', driverId, why: 'WENT_OFFLINE' } as const;
  const messages: Message[] = [
    ...offers.map(({ offerId, deliveryId }) => ({ ...left, deliveryId, offerId })),
    ...assignments
      .filter(({ isPickedUp }) => !isPickedUp)
      .map(({ assignmentId, deliveryId }) => ({ ...left, deliveryId, assignmentId })),
  ];
  await enqueue(tx, driverId, correlationId, messages);
  return messages.length > 0;
}

type Asking = { driverId: string; asked: AskedAvailability; by: Actor; correlationId: string };

async function change(deps: AvailabilityDeps, asking: Asking): Promise<AvailabilityAnswer> {
  const lastContactAt = await readLastContactAt(deps, asking);
  const answer = await deps.db.$transaction((tx) => decideAndWrite(tx, deps, asking, lastContactAt));
  if (answer.outcome === 'done' && answer.changed) deps.notifyRelay();
  return answer;
}

/**
 * The row has positions only thinned and late, so silence is also checked against the map. No driver is
 * silent while ingest is down.
 */
async function readLastContactAt(
  { map, clock, limits }: AvailabilityDeps,
  { driverId, asked }: Asking,
): Promise<number | null> {
  if (asked.kind !== 'timedEnd' && asked.kind !== 'silence') return null;
  const now = clock();
  const [[view], ingestUpSince] = await Promise.all([map.readViews([driverId]), map.ingestUpSince(now)]);
  return now - ingestUpSince < limits.freshPositionMs ? now : (view?.seenAt ?? null);
}

async function decideAndWrite(
  tx: Tx,
  deps: AvailabilityDeps,
  { driverId, asked, by, correlationId }: Asking,
  lastContactAt: number | null,
): Promise<AvailabilityAnswer> {
  const driver = await lockDriver(readerOf(tx), driverId);
  if (!driver) return { outcome: 'notFound' };
  if (bringsOnDuty(asked) && (await readSuspension(readerOf(tx), { kind: 'driver', id: driverId })))
    return { outcome: 'refused', code: 'DRIVER_SUSPENDED', detail: 'the driver is suspended' };
  const work = await readDriverWork(tx, driverId);
  const now = deps.clock();
  const facts = { ...driver.facts, lastFixAt: later(driver.facts.lastFixAt, lastContactAt) };
  const availabilityStates = deps.features.isOn('availability_states', {
    cityId: facts.cityId,
    key: driverId,
  });
  const decision = decideAvailability(
    facts,
    completed(asked, work),
    deps.limits,
    { availabilityStates },
    now,
  );
  if (decision.kind === 'refused')
    return { outcome: 'refused', code: decision.code, detail: decision.detail };
  if (decision.kind === 'unchanged') return { outcome: 'done', changed: false, state: stateOf(facts) };
  await writeAvailability(tx, driver, decision, { by, at: now, correlationId });
  await enqueue(tx, driverId, correlationId, messagesOf(decision, work, now));
  return { outcome: 'done', changed: true, state: stateOf(decision.next) };
}

function completed(asked: AskedAvailability, { assignments }: DriverWork): AvailabilityRequest {
  const pickedUp = assignments.filter(({ isPickedUp }) => isPickedUp).length;
  const carrying = carryingOf(assignments.length - pickedUp, pickedUp);
  switch (asked.kind) {
    case 'shiftEnd':
    case 'set':
      return { ...asked, carrying };
    default:
      return asked;
  }
}

/**
 * The outbox messages of a change. Deliveries end their own offers and assignments; each message names its
 * delivery.
 */
function messagesOf(decision: AvailabilityChange, work: DriverWork, now: number): Message[] {
  const {
    next: { driverId },
    why,
    withdrawsOffers,
    losesWork,
  } = decision;
  const messages = availabilityMessages(decision, now);
  if (withdrawsOffers)
    for (const { offerId, deliveryId } of work.offers)
      messages.push({ kind: 'driverLeft', deliveryId, driverId, offerId, why });
  const lost = losesWork ? work.assignments.filter(({ isPickedUp }) => !isPickedUp) : [];
  for (const { assignmentId, deliveryId } of lost)
    messages.push({ kind: 'driverLeft', deliveryId, driverId, assignmentId, why });
  return messages;
}

/** The messages about the driver, without those about offers and assignments. */
export function availabilityMessages(
  { next, to, why, timer, wakes }: AvailabilityChange,
  now: number,
): Message[] {
  const { driverId, cityId, availabilityUntil: until } = next;
  const body = {
    driverId,
    availability: to,
    until: until === null ? null : iso(until),
    reason: why,
    at: iso(now),
  };
  const messages: Message[] = [
    {
      kind: 'emit',
      emits: [{ rooms: [driverRoom(driverId), opsRoom(cityId)], event: 'AVAILABILITY_CHANGED', body }],
    },
    { kind: 'syncDriver', driverId },
  ];
  if (timer) messages.push({ kind: 'endAvailabilityLater', driverId, ...timer });
  if (wakes) messages.push({ kind: 'driverFree', driverId, passed: [] });
  return messages;
}

async function endTimedState(
  deps: AvailabilityDeps,
  { state, until }: TimedEnd,
  { driverId, correlationId }: { driverId: string; correlationId: string },
): Promise<TimedEnd | null> {
  if (!isTimed(state)) return null;
  const asked = { kind: 'timedEnd', state, until } as const;
  const answer = await change(deps, {
    driverId,
    asked,
    by: { kind: 'system', id: 'timed-availability' },
    correlationId,
  });
  if (answer.outcome !== 'done') return null;
  const { availability, until: nextUntil } = answer.state;
  return isTimed(availability) && nextUntil !== null ? { state: availability, until: nextUntil } : null;
}

function isTimed(state: Availability): state is TimedState {
  return state === 'ON_BREAK' || state === 'PAUSED';
}

function stateOf({
  driverId,
  cityId,
  availability,
  availabilityUntil,
  availabilityReason,
  pending,
  shiftEndsAt,
}: DriverFacts): AvailabilityState {
  return {
    driverId,
    cityId,
    availability,
    until: availabilityUntil,
    reason: availabilityReason,
    pending,
    shiftEndsAt,
  };
}

function later(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

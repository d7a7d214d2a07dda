import { type Actor } from '../../domain/delivery/status';
import { ALL_MERCHANTS_ROOM, opsRoom } from '../../domain/notices/message';
import { type StopReason } from '../../domain/zones/ordersStop';
import {
  ACT_OVER,
  actEndsAt,
  type ActLength,
  type ActPlace,
  type ActTerms,
  type CancelReason,
  closedOutcome,
  commandOf,
  isHit,
  isOver,
  partOutcome,
  type ZoneAct,
  type ZoneActKind,
} from '../../domain/zones/zoneAct';
import { lockChain } from '../../adapters/postgres/configurationTrail';
import { type Database, readerOf, type Tx } from '../../adapters/postgres/database';
import { enqueue } from '../../adapters/postgres/outbox';
import {
  closePart,
  countParts,
  insertParts,
  readOpenPart,
  readUnassigned,
} from '../../adapters/postgres/zoneActParts';
import {
  endAct,
  insertAct,
  readAct,
  readActOfRequest,
  readActsInForce,
} from '../../adapters/postgres/zoneActRows';
import { recordChange, type Settings } from '../configuration';
import { type Clock, type Dispatcher, type NewId, type NotifyRelay, type Read } from '../ports';
import { toldStop } from './toldStop';

export type ZoneActsDeps = {
  db: Database;
  clock: Clock;
  newId: NewId;
  /** Divides business durations that are not in the settings. */
  timeScale: number;
  /** How many deliveries an act reaches in a second: commands of drivers go on meanwhile. */
  deliveriesPerSecond: number;
  /** The farthest that ops may widen searches, and how far they reach from escalation level 1 on. */
  widenMaxMeters: number;
  escalatedRadiusMeters: number;
  /** Called after a commit that wrote to the outbox. */
  notifyRelay: NotifyRelay;
};

/** Who acts, why, and by which request: a repeat with the same key is the same act. */
export type ActAsked = { by: Actor; why: string; correlationId: string; key: string };

/** Acts of ops on a whole zone or city (docs/behaviour.md#acts-on-a-zone, ADR 53). */
export type ZoneActs = {
  /**
   * New orders of the place are refused until then. A stop of the same place that is in force ends.
   * @returns null where it would end in the past, or too late
   */
  stopOrders(
    place: ActPlace,
    terms: { reason: StopReason; length: ActLength },
    asked: ActAsked,
  ): Promise<ZoneAct | null>;
  /** Ends the stop of this very place; where there is none, nothing changes. */
  takeOrders(place: ActPlace, asked: Omit<ActAsked, 'key'>): Promise<void>;
  /**
   * The searches of the place reach at least as far until then, and those that wait search again. A widening of the
   * same place that is in force ends.
   * @param terms `radiusMeters` null: as far as from escalation level 1 on
   */
  widen(
    place: ActPlace,
    terms: { radiusMeters: number | null; length: ActLength },
    asked: ActAsked,
  ): Promise<Widened>;
  /** Ends the widening of this very place; where there is none, nothing changes. */
  narrow(place: ActPlace, asked: Omit<ActAsked, 'key'>): Promise<void>;
  /** Raises the bonus of each delivery that waits there to this amount. */
  raisePay(place: ActPlace, terms: { bonusCents: number }, asked: ActAsked): Promise<ZoneAct>;
  /** Cancels each delivery that has waited there for longer. */
  cancelWaiting(
    place: ActPlace,
    terms: { waitingOverMinutes: number; cancelReason: CancelReason },
    asked: ActAsked,
  ): Promise<ZoneAct>;
  /** How many deliveries such a cancel would reach now. */
  countWaiting(place: ActPlace, waitingOverMinutes: number): Promise<number>;
  /** @returns null where there is none */
  read(actId: string): Promise<ZoneAct | null>;
  /** What the deliveries of an act made of it. */
  tally(actId: string): Promise<ActTally>;
  /**
   * Handles the message zoneAct: sends the command of the act to one of its deliveries, and keeps what came of it.
   * @throws while the delivery does not answer; the outbox retries
   */
  carryOut(part: ActPart, dispatcher: Pick<Dispatcher, 'sendCommand'>): Promise<void>;
  /** The stops of orders and the widenings in force in these cities; null = all. */
  inForce(cities: readonly string[] | null): Promise<ZoneAct[]>;
};

/** Refused: it would end in the past or too late, or reach too far. */
export type Widened = { act: ZoneAct } | { refused: 'LENGTH' } | { refused: 'RADIUS'; atMostMeters: number };

/** `refused` by code. */
export type ActTally = { asked: number; done: number; open: number; refused: ReadonlyMap<string, number> };
export type ActPart = { actId: string; deliveryId: string };

const NO_TERMS: ActTerms = {
  reason: null,
  cancelReason: null,
  bonusCents: null,
  waitingOverMinutes: null,
  radiusMeters: null,
  until: null,
};

export function createZoneActs(deps: ZoneActsDeps): ZoneActs {
  const { db, clock } = deps;
  return {
    stopOrders: async (place, { reason, length }, asked) => {
      const act = await db.$transaction((tx) =>
        begin(tx, deps, { place, kind: 'STOP_ORDERS', terms: { reason }, length, asked }, tellOfStop),
      );
      deps.notifyRelay();
      return act;
    },
    takeOrders: async (place, asked) => {
      await db.$transaction(async (tx) => {
        const at = clock();
        if (await endInForce(tx, { ...place, kind: 'STOP_ORDERS' }, { ...asked, at }))
          await tellOfStop(tx, place, null, { ...asked, at });
      });
      deps.notifyRelay();
    },
    widen: async (place, { radiusMeters: given, length }, asked) => {
      const radiusMeters = given ?? deps.escalatedRadiusMeters;
      const { widenMaxMeters: atMostMeters } = deps;
      if (radiusMeters > atMostMeters) return { refused: 'RADIUS', atMostMeters };
      const act = await reach(deps, { place, kind: 'WIDEN', terms: { radiusMeters }, length, asked });
      return act ? { act } : { refused: 'LENGTH' };
    },
    narrow: async (place, asked) => {
      await db.$transaction((tx) => endInForce(tx, { ...place, kind: 'WIDEN' }, { ...asked, at: clock() }));
    },
    raisePay: (place, terms, asked) => reachAtOnce(deps, { place, kind: 'RAISE_PAY', terms, asked }),
    cancelWaiting: (place, terms, asked) =>
      reachAtOnce(deps, { place, kind: 'CANCEL_WAITING', terms, asked }),
    countWaiting: async (place, waitingOverMinutes) =>
      (await readHit(deps, readerOf(db), place, { waitingOverMinutes }, clock())).length,
    tally: async (actId) => tallyOf(await countParts(readerOf(db), actId)),
    carryOut: (part, dispatcher) => carryOut(deps, part, dispatcher),
    read: (actId) => readAct(readerOf(db), actId),
    inForce: (cities) => readActsInForce(readerOf(db), { cities, now: clock() }),
  };
}

type Asked = {
  place: ActPlace;
  kind: ZoneActKind;
  terms: Partial<ActTerms>;
  /** Null: it is done at once. */
  length: ActLength | null;
  asked: ActAsked;
};

/**
 * The lock on the city's chain lets acts of one city take turns, so that a repeat finds the first.
 * @param then what else belongs to a new act
 * @returns null where it would end in the past, or too late
 */
async function begin(
  tx: Tx,
  { clock, newId, timeScale }: ZoneActsDeps,
  { place, kind, terms, length, asked }: Asked,
  then: (tx: Tx, place: ActPlace, act: ZoneAct, told: Telling) => Promise<void>,
): Promise<ZoneAct | null> {
  await lockChain(tx, `city/${place.cityId}`, place.cityId);
  const requestKey = `${kind}/${place.cityId}/${place.zoneId ?? '*'}/${asked.key}`;
  const before = await readActOfRequest(readerOf(tx), requestKey);
  if (before) return before;
  const at = clock();
  const until = length && actEndsAt(length, at, 60_000 / timeScale);
  if (length && until === null) return null;
  const { by, why, correlationId } = asked;
  if (length) await endInForce(tx, { ...place, kind }, { by, why, correlationId, at });
  const what = { ...NO_TERMS, ...terms, ...place, kind, until };
  const made = { actId: newId(), byId: by.id, why, correlationId, createdAt: at, endedAt: null };
  const act: ZoneAct = { ...what, ...made };
  await insertAct(tx, act, requestKey);
  await record(tx, act, { by, why, correlationId, at }, null);
  await then(tx, place, act, { correlationId, at });
  return act;
}

/**
 * An act that reaches each waiting delivery of the place, one after another.
 * @returns null where it would end in the past, or too late
 */
async function reach(deps: ZoneActsDeps, asked: Asked): Promise<ZoneAct | null> {
  const act = await deps.db.$transaction((tx) =>
    begin(tx, deps, asked, async (_, place, made, { correlationId, at }) => {
      const deliveryIds = await readHit(deps, readerOf(tx), place, made, at);
      await insertParts(tx, { actId: made.actId, deliveryIds, correlationId }, deps.deliveriesPerSecond);
    }),
  );
  deps.notifyRelay();
  return act;
}

async function reachAtOnce(deps: ZoneActsDeps, asked: Omit<Asked, 'length'>): Promise<ZoneAct> {
  const act = await reach(deps, { ...asked, length: null });
  if (!act) throw new Error('an act without an end cannot end in the past');
  return act;
}

async function readHit(
  { timeScale }: ZoneActsDeps,
  read: Read,
  place: ActPlace,
  terms: Pick<ActTerms, 'waitingOverMinutes'>,
  now: number,
): Promise<string[]> {
  const unassigned = await readUnassigned(read, place, now);
  return unassigned
    .filter((delivery) => isHit(terms, delivery, { now, minuteMs: 60_000 / timeScale }))
    .map(({ deliveryId }) => deliveryId);
}

/** The id of the act is part of the request, so that a delivery gets it once, however often the message comes. */
async function carryOut(
  { db, clock }: ZoneActsDeps,
  part: ActPart,
  dispatcher: Pick<Dispatcher, 'sendCommand'>,
): Promise<void> {
  const read = readerOf(db);
  const delivery = await readOpenPart(read, part);
  const act = delivery && (await readAct(read, part.actId));
  const command = act && commandOf(act);
  if (!command) return;
  if (isOver(act, clock())) return closePart(read, part, { outcome: ACT_OVER, at: clock() });
  const request = { scope: `act/${act.actId}`, correlationId: act.correlationId };
  const answer = await dispatcher.sendCommand(part.deliveryId, command, request);
  const outcome = answer ? partOutcome(answer) : closedOutcome(act, delivery);
  await closePart(read, part, { outcome, at: clock() });
}

function tallyOf(parts: readonly { outcome: string | null; deliveries: number }[]): ActTally {
  const of = (outcome: string | null): number =>
    parts.find((part) => part.outcome === outcome)?.deliveries ?? 0;
  const refused = parts.flatMap(({ outcome, deliveries }): [string, number][] =>
    outcome === null || outcome === 'DONE' ? [] : [[outcome, deliveries]],
  );
  const asked = parts.reduce((sum, { deliveries }) => sum + deliveries, 0);
  return { asked, done: of('DONE'), open: of(null), refused: new Map(refused) };
}

type Ending = Omit<ActAsked, 'key'> & { at: number };
type Telling = Pick<Ending, 'correlationId' | 'at'>;

/** @returns whether there was one */
async function endInForce(tx: Tx, what: ActPlace & { kind: ZoneActKind }, asked: Ending): Promise<boolean> {
  await lockChain(tx, `city/${what.cityId}`, what.cityId);
  const ended = await endAct(readerOf(tx), what, { at: asked.at, byId: asked.by.id });
  if (ended) await record(tx, ended, asked, { ...ended, endedAt: null });
  return ended !== null;
}

/** Its entry in the chain of the city: what was asked, or that it ended before its time. */
async function record(
  tx: Tx,
  act: ZoneAct,
  { by, why, correlationId, at }: Ending,
  before: ZoneAct | null,
): Promise<void> {
  const { cityId, actId: id } = act;
  const changing = { chain: `city/${cityId}`, subject: 'zone_act', id, cityId } as const;
  const head = await lockChain(tx, changing.chain, cityId);
  await recordChange(
    tx,
    { changing, head, by: { by, why, correlationId }, at },
    before && recorded(before),
    recorded(act),
  );
}

/** Who and why stand in the entry itself. */
function recorded({ kind, cityId, zoneId, until, endedAt, ...act }: ZoneAct): Settings {
  const { reason, cancelReason, bonusCents, waitingOverMinutes, radiusMeters } = act;
  const terms = { reason, cancelReason, bonusCents, waitingOverMinutes, radiusMeters };
  return { kind, cityId, zoneId, ...terms, until: iso(until), endedAt: iso(endedAt) };
}

/** Ops of the city, and all merchants: any of them may order there. */
async function tellOfStop(
  tx: Tx,
  place: ActPlace,
  act: ZoneAct | null,
  { correlationId, at }: Telling,
): Promise<void> {
  const { cityId, zoneId } = place;
  const body = { cityId, zoneId, stop: act && toldStop(act), at: new Date(at).toISOString() };
  await enqueue(tx, `orders/${cityId}/${zoneId ?? '*'}`, correlationId, [
    {
      kind: 'emit',
      emits: [{ rooms: [opsRoom(cityId), ALL_MERCHANTS_ROOM], event: 'orders_stop_changed', body }],
    },
  ]);
}

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

import { type Decision, type DeliveryState } from '../../domain/delivery/deliveryState';
import { type Message } from '../../domain/notices/message';
import { type ChangeRequest } from '../../domain/orders/orderChange';
import {
  type DeliveryStore,
  type PartRead,
  type PartTouched,
  type Touched,
} from '../../services/deliveries/deliveryStore';
import { ImpossibleEvent } from '../../services/impossibleEvent';
import { type Lease, type Leasing, type Read } from '../../services/ports';
import { type ChainHeads } from './audit';
import { readCandidates } from './candidates';
import { type Database, poolReader, type Postgres, readerOf, sqlStateOf } from './database';
import {
  lockDeliveries,
  lockDriversOf,
  lockFirstFree,
  readAssignments,
  type ReadDelivery,
  readDelivery,
  type ReadDriver,
  readDrivers,
  readOffers,
  readOpenCase,
} from './deliveryRow';
import { writeDecision, type WrittenRows } from './deliveryWriter';
import { readWorkingDrivers } from './driverJobs';
import { writtenEntry } from './mapEntryRow';
import { readOrderChange, writeOrder } from './orderChangeRow';
import { NO_LEASES } from '../../services/outbox/leasing';
import { readSearchFacts } from './searchFactsRow';
import { inTransaction, type Transaction } from './transaction';
import { countOthersWaiting } from './waitingRows';

/**
 * The rows of deliveries in PostgreSQL. Locks are taken in the same order everywhere: the delivery, its
 * drivers by id, then offers and assignments.
 */
export function createDeliveryStore(postgres: Postgres, leasing: Leasing = NO_LEASES): DeliveryStore {
  const { db } = postgres;
  const read = poolReader(postgres);
  const write = (
    tx: Transaction,
    { before, decision, heads }: Part,
    { at, correlationId, next }: { at: number; correlationId: string; next: 'here' | 'elsewhere' },
  ): { sent: Sent | null; after: ChainHeads } => {
    if (decision.next === before && decision.messages.length === 0) return { sent: null, after: heads };
    const { deliveryId } = before.delivery;
    const lease = leasing.lease(deliveryId, correlationId, decision.messages, next);
    const written = writeDecision(tx, before, decision, heads, { at, correlationId, known: lease.known });
    written.rows.catch(() => undefined); // the transaction fails with it
    return { sent: { lease, rows: written.rows }, after: written.after };
  };
  return {
    change: async (deliveryId, touched, make, at, correlationId) => {
      const { decision, sent } = await refusingImpossible(
        inTransaction(postgres, async (tx) => {
          const { state, heads, picked, change } = await readState(tx.read, deliveryId, touched);
          const decided = make(state, picked, change);
          if (decided.orderWrite) writeOrder(tx, deliveryId, decided.orderWrite, at);
          const part = { before: state, decision: decided, heads };
          return { decision: decided, sent: write(tx, part, { at, correlationId, next: 'here' }).sent };
        }),
      );
      const [left = []] = await sendAll([sent]);
      return { ...decision, left };
    },
    changeTogether: async (parts, make, at, correlationId) => {
      const written = await refusingImpossible(
        inTransaction(postgres, async (tx) => {
          const { read: states, deliveryHashes, driverHashes } = await readTogether(tx.read, parts);
          let heads: ChainHeads = { deliveryHash: null, driverHashes };
          return make(states).map(({ before, decision }, index) => {
            const { deliveryId } = before.delivery;
            heads = { ...heads, deliveryHash: deliveryHashes.get(deliveryId) ?? null };
            const next = index === 0 ? 'here' : 'elsewhere';
            const { sent, after } = write(tx, { before, decision, heads }, { at, correlationId, next });
            heads = after;
            return { before, decision, sent };
          });
        }),
      );
      const left = await sendAll(written.map(({ sent }) => sent));
      return written.map(({ before, decision }, index) => ({ before, decision, left: left[index] ?? [] }));
    },
    readUnlocked: (deliveryId, touched) => readUnlocked(db, deliveryId, touched),
    orderChange: (deliveryId, changeId) => readOrderChange(read, deliveryId, changeId),
    searchFacts: (deliveryId, now) => readSearchFacts(read, deliveryId, now),
    candidates: (query) => readCandidates(read, query),
    workingDrivers: (driverIds) => readWorkingDrivers(read, driverIds),
    othersWaiting: (query) => countOthersWaiting(read, query),
    meeting: async (deliveryId, meetingId) => {
      const row = await db.meetingPoint.findFirst({ where: { id: meetingId, deliveryId } });
      return row && { point: { lat: row.lat, lng: row.lng }, address: row.address };
    },
  };
}

type Part = { before: DeliveryState; decision: Decision; heads: ChainHeads };

/** In an object: the rows are answered with the COMMIT, so the transaction must not wait for them. */
type Sent = { lease: Lease; rows: Promise<WrittenRows> };

/**
 * After the commit: sends what this process leased, with the drivers as the last of these writes left them.
 * @returns for each, the messages that are left to the relay
 */
async function sendAll(all: readonly (Sent | null)[]): Promise<(readonly Message[])[]> {
  const written = await Promise.all(all.map(async (sent) => sent?.rows));
  const entries = written.flatMap((rows) => rows?.drivers ?? []).map(writtenEntry);
  const mapEntries = [...new Map(entries.map((entry) => [entry.driverId, entry])).values()];
  return all.map((sent, index) => sent?.lease.send(written[index]?.messages ?? [], { mapEntries }) ?? []);
}

/**
 * Data that PostgreSQL cannot store (class 22), or rows that violate its constraints (class 23): a retry
 * would fail the same way.
 */
async function refusingImpossible<T>(change: Promise<T>): Promise<T> {
  try {
    return await change;
  } catch (error) {
    const state = sqlStateOf(error);
    if (state === undefined || !/^2[23]/.test(state)) throw error;
    throw new ImpossibleEvent(`PostgreSQL refuses it: SQLSTATE ${state}`, { cause: error });
  }
}

type ReadState = {
  state: DeliveryState;
  heads: ChainHeads;
  picked: string[];
  change: ChangeRequest | null;
};

/**
 * Reads everything in one round trip. Each statement sees what was committed when it began, so what is read
 * after taking the locks is current.
 */
async function readState(read: Read, deliveryId: string, touched: Touched): Promise<ReadState> {
  const { driverIds, pickFrom, pickAtMost, pickAsNext = false, changeId = null } = touched;
  const [delivery, involved, picked, rest, change] = await Promise.all([
    readDelivery(read, deliveryId, 'lock'),
    lockDriversOf(read, [deliveryId], driverIds),
    lockFirstFree(read, deliveryId, pickFrom, { atMost: pickAtMost, asNext: pickAsNext }),
    readRest(read, deliveryId, touched),
    changeId === null ? null : readOrderChange(read, deliveryId, changeId),
  ]);
  if (!delivery) throw new ImpossibleEvent(`delivery ${deliveryId} has no row`);
  const drivers = [...involved, ...picked];
  return {
    state: stateOf(delivery, rest, drivers),
    change,
    heads: headsOf(delivery.auditHash, drivers),
    picked: picked.map(({ facts }) => facts.driverId),
  };
}

type Rest = Pick<DeliveryState, 'offers' | 'assignments' | 'supportCase'>;

async function readRest(
  read: Read,
  deliveryId: string,
  { offerIds, driverIds }: Pick<Touched, 'offerIds' | 'driverIds'>,
): Promise<Rest> {
  const [offers, assignments, supportCase] = await Promise.all([
    readOffers(read, deliveryId, { offerIds, driverIds }),
    readAssignments(read, deliveryId),
    readOpenCase(read, deliveryId),
  ]);
  return { offers, assignments, supportCase };
}

function stateOf({ facts }: ReadDelivery, rest: Rest, drivers: readonly ReadDriver[]): DeliveryState {
  return {
    delivery: facts,
    ...rest,
    drivers: Object.fromEntries(drivers.map((driver) => [driver.facts.driverId, driver.facts])),
  };
}

type ReadTogether = {
  read: PartRead[];
  deliveryHashes: ReadonlyMap<string, Uint8Array | null>;
  driverHashes: ChainHeads['driverHashes'];
};

/** As `readState`: first the locks of all deliveries, then those of all their drivers, then the rest. */
async function readTogether(read: Read, parts: readonly PartTouched[]): Promise<ReadTogether> {
  const [first] = parts;
  if (!first) throw new ImpossibleEvent('no delivery is named');
  const ids = parts.map(({ deliveryId }) => deliveryId);
  const named = [...new Set(parts.flatMap(({ touched }) => touched.driverIds))];
  const { pickFrom, pickAtMost } = first.touched;
  const [, involved, picked, rows] = await Promise.all([
    lockDeliveries(read, ids),
    lockDriversOf(read, ids, named),
    lockFirstFree(read, first.deliveryId, pickFrom, { atMost: pickAtMost, asNext: false }),
    Promise.all(
      parts.map(({ deliveryId, touched }) =>
        Promise.all([readDelivery(read, deliveryId, 'lock'), readRest(read, deliveryId, touched)]),
      ),
    ),
  ]);
  const drivers = [...involved, ...picked];
  const pickedIds = picked.map(({ facts }) => facts.driverId);
  const found = rows.flatMap(([delivery, rest]) => (delivery ? [{ delivery, rest }] : []));
  if (found.length < parts.length) throw new ImpossibleEvent(`not each of ${ids.join(', ')} has a row`);
  return {
    read: found.map(({ delivery, rest }) => ({ state: stateOf(delivery, rest, drivers), picked: pickedIds })),
    deliveryHashes: new Map(found.map(({ delivery }) => [delivery.facts.deliveryId, delivery.auditHash])),
    driverHashes: headsOf(null, drivers).driverHashes,
  };
}

function headsOf(deliveryHash: Uint8Array | null, drivers: readonly ReadDriver[]): ChainHeads {
  return {
    deliveryHash,
    driverHashes: Object.fromEntries(drivers.map(({ facts, auditHash }) => [facts.driverId, auditHash])),
  };
}

async function readUnlocked(
  db: Database,
  deliveryId: string,
  { offerIds, driverIds }: Touched,
): Promise<DeliveryState | undefined> {
  return db.$transaction(
    async (tx) => {
      const read = readerOf(tx);
      const delivery = await readDelivery(read, deliveryId, 'noLock');
      if (!delivery) return undefined;
      const offers = await readOffers(read, deliveryId, { offerIds, driverIds });
      const assignments = await readAssignments(read, deliveryId);
      const involved = [
        ...driverIds,
        ...offers.map(({ driverId }) => driverId),
        ...assignments.map(({ driverId }) => driverId),
      ];
      const drivers = await readDrivers(read, [...new Set(involved)]);
      const supportCase = await readOpenCase(read, deliveryId);
      return {
        delivery: delivery.facts,
        offers,
        assignments,
        drivers: Object.fromEntries(drivers.map(({ facts }) => [facts.driverId, facts])),
        supportCase,
      };
    },
    { isolationLevel: 'RepeatableRead' },
  );
}

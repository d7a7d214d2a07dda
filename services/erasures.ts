import { countryOf } from '../domain/orders/country';
import { type Actor } from '../domain/delivery/status';
import {
  customerMatch,
  type ErasureRequest,
  type ErasureState,
  erasureStateOf,
} from '../domain/privacy/erasure';
import { writeConfigurationEntry, lockChain } from '../adapters/postgres/configurationTrail';
import { type Database, type Tx } from '../adapters/postgres/database';
import { eraseDeliveries, lockRequested } from '../adapters/postgres/erasedDeliveries';
import { deletePositionsOf, eraseDriverRow, eraseTextsAbout } from '../adapters/postgres/erasedDriver';
import { type ErasedBy } from '../adapters/postgres/erasedTexts';
import {
  type ErasureRow,
  type ErasureSubject,
  finishErasure,
  forgetSubject,
  insertErasure,
  markCustomer,
  readErasure,
  readUnfinished,
} from '../adapters/postgres/erasureRows';
import { NO_CITY } from './configuration';
import { type Clock, type DriverMap, type NewId } from './ports';

export type ErasuresDeps = { db: Database; map: Pick<DriverMap, 'forget'>; clock: Clock; newId: NewId };

/** An erasure as ops see it. `open`: deliveries that are erased once they end. Instants are epoch ms. */
export type Erasure = {
  erasureId: string;
  kind: ErasureRequest['kind'];
  state: ErasureState;
  found: number;
  open: number;
  byId: string;
  createdAt: number;
  finishedAt: number | null;
};

export type ErasureAnswer =
  | { outcome: 'begun'; erasure: Erasure }
  | { outcome: 'refused'; code: 'NOT_FOUND' | 'DRIVER_AT_WORK' | 'PHONE_TOO_SHORT' };

export type Erasures = {
  /**
   * Begins to erase a person, and does at once what fits into a request. `cities` null = all.
   */
  begin(
    request: ErasureRequest,
    by: { actor: Actor; cities: readonly string[] | null; correlationId: string },
  ): Promise<ErasureAnswer>;
  /** @returns null where there is none, or where it covers cities that these do not */
  read(erasureId: string, cities: readonly string[] | null): Promise<Erasure | null>;
  /** Goes on with all that are not done. @returns how many pieces of work were done; 0 = nothing is left to do */
  advance(): Promise<number>;
};

const MARKED_AT_ONCE = 500;
const ERASED_AT_ONCE = 50;
const POSITIONS_AT_ONCE = 5_000;
const ENTRIES_AT_ONCE = 200;
/** How many pieces a request does itself; the sweep does the rest. */
const PIECES_IN_REQUEST = 4;
/** What the app of an erased driver sent just before may still be on its way into the history. */
const DRIVER_SETTLES_MS = 60_000;
const UNFINISHED_AT_ONCE = 20;

export function createErasures(deps: ErasuresDeps): Erasures {
  const { db, clock } = deps;
  return {
    begin: async (request, { actor, cities, correlationId }) => {
      const subject = await subjectOf(db, request);
      if (subject === null) return { outcome: 'refused', code: 'PHONE_TOO_SHORT' };
      const erasureId = deps.newId();
      const row = {
        erasureId,
        kind: request.kind,
        subject,
        cities,
        byId: actor.id,
        correlationId,
        createdAt: clock(),
      };
      const refused = await db.$transaction(async (tx) => {
        const block =
          'driverId' in subject ? await eraseDriverRow(tx, subject.driverId, cities, clock()) : 'erased';
        if (block !== 'erased') return block;
        await insertErasure(tx, row);
        await note(tx, row, 'erasure_requested', actor, { kind: request.kind }, clock());
        return null;
      });
      if (refused === 'notFound') return { outcome: 'refused', code: 'NOT_FOUND' };
      if (refused === 'atWork') return { outcome: 'refused', code: 'DRIVER_AT_WORK' };
      const begun = await readKnown(db, erasureId);
      for (let piece = 0; piece < PIECES_IN_REQUEST; piece += 1)
        if ((await advanceOne(deps, begun)) === 0) break;
      await eraseRequested(deps);
      return { outcome: 'begun', erasure: shown(await readKnown(db, erasureId)) };
    },
    read: async (erasureId, cities) => {
      const row = await readErasure(db, erasureId);
      if (!row || (cities !== null && !row.cities?.every((city) => cities.includes(city)))) return null;
      return shown(row);
    },
    advance: async () => {
      let pieces = await eraseRequested(deps);
      for (const row of await readUnfinished(db, UNFINISHED_AT_ONCE)) pieces += await advanceOne(deps, row);
      return pieces;
    },
  };
}

async function readKnown(db: Database, erasureId: string): Promise<ErasureRow> {
  const row = await readErasure(db, erasureId);
  if (!row) throw new Error(`erasure ${erasureId} has no row`);
  return row;
}

/** Numbers without a country code are looked for as if they belonged to any country of our cities. */
async function subjectOf(db: Database, request: ErasureRequest): Promise<ErasureSubject | null> {
  if (request.kind === 'DRIVER') return { driverId: request.driverId };
  const cities = await db.city.findMany({ select: { country: true, timezone: true } });
  const customer = customerMatch(request, [null, ...new Set(cities.map(countryOf))]);
  return customer && { customer };
}

/** One piece of one erasure. @returns how much was done; 0 = it is done, or waits */
async function advanceOne(deps: ErasuresDeps, row: ErasureRow): Promise<number> {
  const { db, clock } = deps;
  const { erasureId, subject } = row;
  if (subject === null) return finish(deps, row);
  if ('customer' in subject) {
    const marked = await markCustomer(db, row, subject.customer, MARKED_AT_ONCE);
    if (marked > 0) return marked;
    await forgetSubject(db, erasureId);
    return 1;
  }
  return eraseDriver(deps, row, subject.driverId, clock());
}

/** The row went in the request. The rest goes piece by piece, and once more when late positions have settled. */
async function eraseDriver(
  { db, map }: ErasuresDeps,
  row: ErasureRow,
  driverId: string,
  now: number,
): Promise<number> {
  await map.forget(driverId);
  const pieces =
    (await eraseTextsAbout(db, driverId, erasedBy(row, now), ENTRIES_AT_ONCE)) +
    (await deletePositionsOf(db, driverId, POSITIONS_AT_ONCE));
  if (pieces > 0 || now < row.createdAt + DRIVER_SETTLES_MS) return pieces;
  await db.$transaction(async (tx) => {
    await eraseDriverRow(tx, driverId, null, now);
    await forgetSubject(tx, row.erasureId);
  });
  return 1;
}

/** Erases what has ended of all that was found. @returns how many deliveries */
async function eraseRequested({ db, clock }: ErasuresDeps): Promise<number> {
  return db.$transaction(async (tx) => {
    const due = await lockRequested(tx, ERASED_AT_ONCE);
    const ids = [...new Set(due.flatMap(({ erasureId }) => erasureId ?? []))];
    const rows = new Map<string, ErasureRow>();
    for (const id of ids) {
      const row = await readErasure(tx, id);
      if (row) rows.set(id, row);
    }
    const now = clock();
    const known = due.filter(({ erasureId }) => erasureId !== null && rows.has(erasureId));
    await eraseDeliveries(
      tx,
      known,
      ({ erasureId }) => {
        const row = rows.get(erasureId ?? '');
        if (!row) throw new Error(`a delivery names erasure ${erasureId}, which has no row`);
        return erasedBy(row, now);
      },
      now,
    );
    return known.length;
  });
}

/** @returns 1 if it is done now; 0 while open deliveries are left, or if it was done */
async function finish({ db, clock }: ErasuresDeps, row: ErasureRow): Promise<number> {
  return db.$transaction(async (tx) => {
    const now = await readErasure(tx, row.erasureId);
    if (!now || now.open > 0 || !(await finishErasure(tx, row.erasureId, clock()))) return 0;
    const detail = { kind: row.kind, deliveries: now.found };
    await note(tx, row, 'erasure_done', { kind: 'system', id: 'erasure' }, detail, clock());
    return 1;
  });
}

function erasedBy({ erasureId, byId, correlationId }: ErasureRow, at: number): ErasedBy {
  return { actor: { kind: 'ops', id: byId }, erasureId, at, correlationId };
}

/** The erasure has a chain of its own, which names nobody but who asked for it. */
async function note(
  tx: Tx,
  { erasureId, correlationId }: Pick<ErasureRow, 'erasureId' | 'correlationId'>,
  kind: 'erasure_requested' | 'erasure_done',
  actor: Actor,
  detail: Record<string, unknown>,
  at: number,
): Promise<void> {
  const chain = `erasure/${erasureId}` as const;
  const head = await lockChain(tx, chain, NO_CITY);
  const entry = {
    kind,
    chain,
    driverId: null,
    actor,
    from: null,
    to: null,
    why: null,
    deviceAt: null,
    detail,
  };
  await writeConfigurationEntry(tx, entry, { cityId: NO_CITY, head, at, correlationId });
}

function shown({ erasureId, kind, subject, found, open, byId, createdAt, finishedAt }: ErasureRow): Erasure {
  const state = erasureStateOf({ isFound: subject === null, finishedAt });
  return { erasureId, kind, state, found, open, byId, createdAt, finishedAt };
}

import { v7 as newCorrelationId } from 'uuid';
import { type AvailabilityLimits } from '../../domain/driver/availability';
import { type Actor } from '../../domain/delivery/status';
import { type Database, readerOf } from '../../adapters/postgres/database';
import { type DutyRow, readMapEntries, readOnDuty } from '../../adapters/postgres/mapEntryRow';
import { enqueue } from '../../adapters/postgres/outbox';
import { readCityIds, readInStatesOfV2, readOverdue } from '../../adapters/postgres/presenceRows';
import { type AskedAvailability, type AvailabilityService } from '../../services/availability';
import { mapRepairs, timedEndFailures } from '../../services/driverMetrics';
import { type FeatureRegistry } from '../../services/features/featureRegistry';
import {
  belongsIn,
  type Comparison,
  type Difference,
  differenceOf,
  lastContactAt,
  partsOf,
} from './mapComparison';
import {
  type Clock,
  type Log,
  type DriverMap,
  type Features,
  type MapEntry,
  type MapPart,
  type MapView,
} from '../../services/ports';

export type PresenceDeps = {
  db: Database;
  map: DriverMap;
  availability: Pick<AvailabilityService, 'request'>;
  features: Features;
  clock: Clock;
  limits: Pick<AvailabilityLimits, 'freshPositionMs' | 'silentMs'>;
  /** Called after a commit that wrote to the outbox. */
  notifyRelay: () => void;
};

/** What one sweep found and set right. */
export type SweepReport = {
  takenOff: number;
  endedLate: number;
  switchedOff: number;
  wentOffline: number;
  repaired: number;
};

/**
 * Ids of drivers where the map differs from the record. Both empty: `drivers:geo` and its shards hold the
 * AVAILABLE fresh drivers and no others.
 */
export type MapDifference = { missing: string[]; extra: string[] };

export type PresenceActivities = {
  /**
   * One round: who is silent, whose break or pause is overdue, where the map differs from PostgreSQL. May be
   * repeated, and may run beside another.
   */
  sweepPresence(): Promise<SweepReport>;
};

export type Presence = PresenceActivities & {
  /** Where the feature is off, makes drivers in states of v2 OFFLINE. @returns how many */
  switchStatesOff(): Promise<number>;
  /** Where the map differs from the record now; repairs nothing. */
  mapDifference(): Promise<MapDifference>;
};

const PAGE = 500;
/** A timed state that ends later than this after its time was not ended by its timer. */
const OVERDUE_GRACE_MS = 60_000;
/** One who falls silent stands on the map until the next sweep: every 15 s, and a little more. */
const STALE_GRACE_MS = 20_000;
const SWEEP: Actor = { kind: 'system', id: 'presence-sweep' };

export function createPresence(deps: PresenceDeps): Presence {
  return {
    sweepPresence: async () => ({
      takenOff: await deps.map.takeSilentOff(deps.clock()),
      endedLate: await endOverdue(deps),
      switchedOff: await switchStatesOff(deps),
      ...(await sweepOnDuty(deps)),
    }),
    switchStatesOff: () => switchStatesOff(deps),
    mapDifference: () => findDifferences(deps),
  };
}

/**
 * A change of the feature is not left to the next sweep: who is to be OFFLINE by it is so within moments, and
 * the sweep is the net.
 */
export function switchStatesOffAtOnce(
  { onChange }: Pick<FeatureRegistry, 'onChange'>,
  presence: Pick<Presence, 'switchStatesOff'>,
  log: Pick<Log, 'warn'>,
): void {
  onChange(({ feature }) => {
    if (feature !== 'availability_states') return;
    presence
      .switchStatesOff()
      .catch((error: unknown) =>
        log.warn({ err: error }, 'v2 availability states could not be switched off; the next sweep retries'),
      );
  });
}

// ---- states ----

async function endOverdue(deps: PresenceDeps): Promise<number> {
  let ended = 0;
  for (const { driverId, state, until } of await readOverdue(
    deps.db,
    deps.clock() - OVERDUE_GRACE_MS,
    PAGE,
  )) {
    if (await ask(deps, driverId, { kind: 'timedEnd', state, until })) ended++;
  }
  timedEndFailures.inc(ended);
  return ended;
}

/**
 * Where the feature is off, drivers know AVAILABLE, BUSY and OFFLINE only (docs/behaviour.md#availability).
 */
async function switchStatesOff(deps: PresenceDeps): Promise<number> {
  let switched = 0;
  for await (const page of pages(
    (afterId) => readInStatesOfV2(deps.db, afterId, PAGE),
    ({ driverId }) => driverId,
  )) {
    const killed = page.filter(
      ({ driverId, cityId }) => !deps.features.isOn('availability_states', { cityId, key: driverId }),
    );
    for (const { driverId } of killed) if (await ask(deps, driverId, { kind: 'statesKilled' })) switched++;
  }
  return switched;
}

/** @returns whether it changed anything */
async function ask(
  { availability }: PresenceDeps,
  driverId: string,
  asked: AskedAvailability,
): Promise<boolean> {
  const answer = await availability.request(driverId, asked, SWEEP, newCorrelationId());
  return answer.outcome === 'done' && answer.changed;
}

// ---- silence and repair ----

type Seen = { row: DutyRow; view: MapView };

async function sweepOnDuty(deps: PresenceDeps): Promise<{ wentOffline: number; repaired: number }> {
  const ingestUpSince = await deps.map.ingestUpSince(deps.clock());
  let [wentOffline, repaired] = [0, 0];
  for await (const page of dutyPages(deps)) {
    for (const seen of page) {
      if (await endSilent(deps, seen, ingestUpSince)) wentOffline++;
      else if (await repair(deps, seen)) repaired++;
    }
  }
  return { wentOffline, repaired: repaired + (await clearParts(deps)) };
}

/** Counted from when we could hear at all: nobody is lost while ingest was down. */
async function endSilent(
  deps: PresenceDeps,
  { row: { entry, idleSince }, view }: Seen,
  ingestUpSince: number,
): Promise<boolean> {
  if (entry.availability !== 'AVAILABLE') return false;
  const silentSince = Math.max(ingestUpSince, idleSince ?? 0, lastContactAt(entry, view) ?? 0);
  return (
    deps.clock() - silentSince >= deps.limits.silentMs &&
    ask(deps, entry.driverId, { kind: 'silence', silentSince })
  );
}

async function repair(deps: PresenceDeps, { row: { entry }, view }: Seen): Promise<boolean> {
  const difference = differenceOf(entry, view, comparisonOf(deps));
  if (difference === null) return false;
  await putRight(deps, entry, difference);
  return true;
}

async function putRight(
  { db, map, clock, notifyRelay }: PresenceDeps,
  entry: MapEntry,
  difference: Difference,
): Promise<void> {
  mapRepairs.inc({ kind: difference });
  const { cameOn } = await map.sync(entry, clock());
  if (!cameOn) return;
  await enqueue(db, entry.driverId, newCorrelationId(), [
    { kind: 'driverFree', driverId: entry.driverId, passed: [] },
  ]);
  notifyRelay();
}

/** The other way round: who stands on the map without being on duty. @returns how many stood there */
async function clearParts(deps: PresenceDeps): Promise<number> {
  let cleared = 0;
  for await (const { part, extraIds, entries } of pagesWithExtras(deps)) {
    for (const entry of entries) await putRight(deps, entry, 'extra');
    await deps.map.drop(part, await stillExtra(deps, part, extraIds));
    mapRepairs.inc({ kind: 'extra' }, extraIds.length - entries.length);
    cleared += extraIds.length;
  }
  return cleared;
}

/**
 * Those whom putting right did not take off: unknown to PostgreSQL, or in the part of another city. Who
 * changed meanwhile is left to that change.
 */
async function stillExtra(
  { db, map }: PresenceDeps,
  part: MapPart,
  driverIds: readonly string[],
): Promise<string[]> {
  const views = await map.readViews(driverIds);
  const known = new Set((await readMapEntries(readerOf(db), driverIds)).map(({ driverId }) => driverId));
  return views
    .filter(({ driverId, entry }) => !known.has(driverId) || entry === null || !belongsIn(part, entry))
    .map(({ driverId }) => driverId);
}

// ---- reading both sides ----

async function findDifferences(deps: PresenceDeps): Promise<MapDifference> {
  const found: MapDifference = { missing: [], extra: [] };
  for await (const page of dutyPages(deps)) {
    for (const {
      row: { entry },
      view,
    } of page) {
      const difference = differenceOf(entry, view, comparisonOf(deps));
      if (difference === 'missing' || difference === 'extra') found[difference].push(entry.driverId);
    }
  }
  for await (const { extraIds } of pagesWithExtras(deps)) found.extra.push(...extraIds);
  return { missing: found.missing, extra: [...new Set(found.extra)] };
}

function comparisonOf({ clock, limits: { freshPositionMs } }: PresenceDeps): Comparison {
  return { now: clock(), freshPositionMs, staleGraceMs: STALE_GRACE_MS };
}

/**
 * The drivers on duty with what the map says of them; the map is read after the record, so that a change in
 * between is no difference.
 */
async function* dutyPages({ db, map }: PresenceDeps): AsyncGenerator<Seen[]> {
  for await (const rows of pages(
    (afterId) => readOnDuty(db, afterId, PAGE),
    ({ entry }) => entry.driverId,
  )) {
    const views = new Map(
      (await map.readViews(rows.map(({ entry }) => entry.driverId))).map((view) => [view.driverId, view]),
    );
    yield rows.flatMap((row): Seen[] => {
      const view = views.get(row.entry.driverId);
      return view ? [{ row, view }] : [];
    });
  }
}

/**
 * Drivers who stand in a part of the map where they have no business by PostgreSQL; `entries` are those whom
 * it knows.
 */
async function* pagesWithExtras({
  db,
  map,
}: PresenceDeps): AsyncGenerator<{ part: MapPart; extraIds: string[]; entries: MapEntry[] }> {
  for (const part of partsOf(await readCityIds(db))) {
    for (let cursor: string | null = '0'; cursor !== null;) {
      const page: { driverIds: string[]; next: string | null } = await map.members(part, cursor);
      const entries = await readMapEntries(readerOf(db), page.driverIds);
      const expected = new Set(
        entries.filter((entry) => belongsIn(part, entry)).map(({ driverId }) => driverId),
      );
      const extraIds = page.driverIds.filter((driverId) => !expected.has(driverId));
      if (extraIds.length > 0)
        yield { part, extraIds, entries: entries.filter(({ driverId }) => !expected.has(driverId)) };
      cursor = page.next;
    }
  }
}

async function* pages<R>(
  read: (afterId: string | null) => Promise<R[]>,
  idOf: (row: R) => string,
): AsyncGenerator<R[]> {
  let afterId: string | null = null;
  for (;;) {
    const page: R[] = await read(afterId);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    if (page.length < PAGE) return;
    afterId = idOf(last);
  }
}

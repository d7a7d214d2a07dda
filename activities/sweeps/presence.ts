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

/** What one sweep found and repaired. */
export type SweepReport = {
  takenOff: number;
  endedLate: number;
  switchedOff: number;
  wentOffline: number;
  repaired: number;
};

/**
 * Ids of drivers where the map differs from PostgreSQL. If both are empty, `drivers:geo` and its shards
 * contain exactly the fresh AVAILABLE drivers.
 */
export type MapDifference = { missing: string[]; extra: string[] };

export type PresenceActivities = {
  /**
   * One round: silent drivers, overdue breaks and pauses, differences between map and PostgreSQL. Rounds may
   * repeat and overlap.
   */
  sweepPresence(): Promise<SweepReport>;
};

export type Presence = PresenceActivities & {
  /** Sets drivers in v2 states OFFLINE while the feature is off. @returns how many */
  switchStatesOff(): Promise<number>;
  /** The current differences between map and PostgreSQL. Repairs nothing. */
  mapDifference(): Promise<MapDifference>;
};

const PAGE = 500;
/** A timed state that is overdue by more than this was missed by its timer. */
const OVERDUE_GRACE_MS = 60_000;
/** A driver who falls silent stays on the map until the next sweep: 15 s, with a margin. */
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

/** When the feature is switched off, drivers in v2 states go OFFLINE at once. The sweep is the fallback. */
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
 * While the feature is off, the only states are AVAILABLE, BUSY and OFFLINE (docs/behaviour.md#availability).
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

/** Silence counts from the start of ingest, so that ingest downtime does not count. */
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

/** The reverse: removes drivers from the map who are not on duty. @returns how many there were */
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
 * Drivers whom the repair did not remove: unknown to PostgreSQL, or in the part of another city. A driver who
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
 * The drivers on duty with their map views. The map is read after PostgreSQL, so that a change in between is
 * not a difference.
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
 * Drivers in a part of the map where PostgreSQL does not place them. `entries` are those known to PostgreSQL.
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

import { v7 as newCorrelationId } from 'uuid';
import { type EscalationThresholds, thresholdsOf } from '../../domain/delivery/escalation';
import { type Message, opsRoom } from '../../domain/notices/message';
import { type Point } from '../../domain/geo/places';
import {
  ACCEPTANCE_WINDOW_MS,
  isEmpty,
  judgeZone,
  NO_FIGURES,
  wordsOf,
  ZONE_THRESHOLDS,
  type ZoneFigures,
  type ZoneState,
} from '../../domain/zones/zoneHealth';
import { zoneFinder } from '../../domain/zones/zones';
import { type Database } from '../../adapters/postgres/database';
import {
  type CityZones,
  countAnswers,
  countCases,
  countDeliveries,
  type HealthRow,
  type NewestHealth,
  type Place,
  readBusyPlaces,
  readCityZones,
  readStaleCities,
  writeHealth,
} from '../../adapters/postgres/zoneHealthRows';
import { type Clock, type DriverMap } from '../ports';

export type ZoneHealthDeps = {
  db: Database;
  map: Pick<DriverMap, 'members' | 'readViews'>;
  clock: Clock;
  /** A driver with an older last contact does not count, whatever the map says. */
  freshPositionMs: number;
  /** From the settings; cities may override them. */
  waiting: EscalationThresholds;
  /** Divides business durations that are not in the settings. */
  timeScale: number;
  /** Called after a commit that wrote to the outbox. */
  notifyRelay: () => void;
};

/** The result of one computation. */
export type ZoneHealthReport = {
  cities: number;
  zones: number;
  strained: number;
  critical: number;
  changed: number;
};

export type ZoneHealth = {
  /**
   * Computes and stores the health of every zone of one city, or of all cities if `cityId` is null.
   * Concurrent calls for the same city share one computation.
   * @throws while PostgreSQL or the live map is down; nothing is stored for that city
   */
  compute(cityId: string | null): Promise<ZoneHealthReport>;
  /** Like `compute`, for these cities in turn, or all if null. Skips what was computed less than 5 s ago. */
  refresh(cityIds: readonly string[] | null): Promise<void>;
};

const PAGE = 1_000;
/** The shortest interval between computations, however many callers ask. */
const FRESH_FOR_MS = 5_000;

export function createZoneHealth(deps: ZoneHealthDeps): ZoneHealth {
  const running = new Map<string | null, Promise<ZoneHealthReport>>();
  const compute = (cityId: string | null): Promise<ZoneHealthReport> => {
    const shared = running.get(cityId) ?? computeZones(deps, cityId).finally(() => running.delete(cityId));
    running.set(cityId, shared);
    return shared;
  };
  return {
    compute,
    refresh: async (cityIds) => {
      const stale = await readStaleCities(deps.db, cityIds, deps.clock() - FRESH_FOR_MS);
      if (cityIds === null) await (stale.length > 0 ? compute(null) : null);
      else for (const cityId of stale) await compute(cityId);
    },
  };
}

async function computeZones(deps: ZoneHealthDeps, cityId: string | null): Promise<ZoneHealthReport> {
  const at = deps.clock();
  const report: ZoneHealthReport = { cities: 0, zones: 0, strained: 0, critical: 0, changed: 0 };
  const counted = await countRows(deps, at, cityId);
  for (const city of await readCityZones(deps.db, cityId)) {
    const { rows, changed } = await keep(deps, city, at, await figuresOf(deps, city, counted, at));
    report.cities++;
    report.zones += rows.length;
    report.strained += rows.filter(({ state }) => state === 'STRAINED').length;
    report.critical += rows.filter(({ state }) => state === 'CRITICAL').length;
    report.changed += changed;
  }
  return report;
}

// ---- counting ----

type Counted = (Place & Partial<ZoneFigures>)[];

async function countRows(
  { db, timeScale }: ZoneHealthDeps,
  at: number,
  cityId: string | null,
): Promise<Counted> {
  const [deliveries, answers, cases] = await Promise.all([
    countDeliveries(db, at, cityId),
    countAnswers(db, at - ACCEPTANCE_WINDOW_MS / timeScale, cityId),
    countCases(db, cityId),
  ]);
  return [...deliveries, ...answers, ...cases];
}

/** By zone; null = outside all zones, which for a city without zones is the whole city. */
type FiguresByZone = Map<string | null, ZoneFigures>;

async function figuresOf(
  deps: ZoneHealthDeps,
  city: CityZones,
  counted: Counted,
  at: number,
): Promise<FiguresByZone> {
  const figures: FiguresByZone = new Map(
    [...city.zones.map(({ zoneId }) => zoneId), null].map((zoneId) => [zoneId, NO_FIGURES]),
  );
  const add = (zoneId: string | null, more: (before: ZoneFigures) => Partial<ZoneFigures>): void => {
    const before = figures.get(zoneId) ?? NO_FIGURES;
    figures.set(zoneId, { ...before, ...more(before) });
  };
  for (const { cityId, zoneId, ...some } of counted) if (cityId === city.cityId) add(zoneId, () => some);
  const find = zoneFinder(city.zones);
  const zoneIdAt = (point: Point | null): string | null => (point && find(point)?.zoneId) ?? null;
  for await (const point of freePlaces(deps, city.cityId, at))
    add(zoneIdAt(point), ({ freeDrivers }) => ({ freeDrivers: freeDrivers + 1 }));
  for await (const point of busyPlaces(deps, city.cityId))
    add(zoneIdAt(point), ({ busyDrivers }) => ({ busyDrivers: busyDrivers + 1 }));
  return figures;
}

/** The positions of the city's AVAILABLE drivers on the live map, each driver once. */
async function* freePlaces(
  { map, freshPositionMs }: ZoneHealthDeps,
  cityId: string,
  at: number,
): AsyncGenerator<Point> {
  const seen = new Set<string>();
  for (let cursor: string | null = '0'; cursor !== null;) {
    const page: { driverIds: string[]; next: string | null } = await map.members(
      { kind: 'city', cityId },
      cursor,
    );
    const fresh = [...new Set(page.driverIds)].filter((driverId) => !seen.has(driverId));
    for (const { driverId, entry } of await map.readViews(fresh)) {
      seen.add(driverId);
      if (
        entry?.availability === 'AVAILABLE' &&
        entry.lastFix &&
        at - entry.lastFix.receivedAt <= freshPositionMs
      )
        yield entry.lastFix.point;
    }
    cursor = page.next;
  }
}

async function* busyPlaces({ db }: ZoneHealthDeps, cityId: string): AsyncGenerator<Point | null> {
  for (let afterId: string | null = null; ;) {
    const page: Awaited<ReturnType<typeof readBusyPlaces>> = await readBusyPlaces(db, cityId, afterId, PAGE);
    for (const { point } of page) yield point;
    if (page.length < PAGE) return;
    afterId = page.at(-1)?.driverId ?? null;
  }
}

// ---- judging and keeping ----

async function keep(
  { db, waiting, timeScale, notifyRelay }: ZoneHealthDeps,
  city: CityZones,
  at: number,
  figures: FiguresByZone,
): Promise<{ rows: readonly HealthRow[]; changed: number }> {
  const thresholds = {
    ...ZONE_THRESHOLDS,
    waiting: thresholdsOf(city.escalationMinutes, 60_000 / timeScale, waiting),
  };
  const judged = [...figures].map(([zoneId, of]): HealthRow => ({
    zoneId,
    ...judgeZone(of, thresholds),
    figures: of,
  }));
  let changed = 0;
  const rows = await writeHealth(db, city.cityId, at, newCorrelationId(), (newest) => {
    if (newest !== null && newest.at >= at) return null;
    const kept = judged.filter((row) => hasAPlace(row, city, newest));
    const emits = kept.flatMap((row) =>
      changeOf(city.cityId, row, newest?.states.get(row.zoneId) ?? 'OK', at),
    );
    changed = emits.length;
    return { rows: kept, messages: emits.length === 0 ? [] : [{ kind: 'emit', emits }] };
  });
  if (changed > 0) notifyRelay();
  return { rows, changed };
}

/**
 * The area outside zones has a row if it has deliveries or was unhealthy last time. A city without zones is
 * one zone (docs/behaviour.md#zones).
 */
function hasAPlace({ zoneId, figures }: HealthRow, { zones }: CityZones, newest: NewestHealth): boolean {
  return (
    zoneId !== null || zones.length === 0 || !isEmpty(figures) || (newest?.states.get(null) ?? 'OK') !== 'OK'
  );
}

function changeOf(
  cityId: string,
  { zoneId, state, reasons, figures }: HealthRow,
  before: ZoneState,
  at: number,
): Extract<Message, { kind: 'emit' }>['emits'] {
  if (state === before) return [];
  const says = reasons.map((code) => ({ code, words: wordsOf(code, figures) }));
  return [
    {
      rooms: [opsRoom(cityId)],
      event: 'zone_health_changed',
      body: { cityId, zoneId, state, before, reasons: says, computedAt: new Date(at).toISOString() },
    },
  ];
}

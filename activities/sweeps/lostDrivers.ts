import { v7 as newCorrelationId } from 'uuid';
import { type Actor } from '../../domain/delivery/status';
import { isIngestOutage, type LossLimits } from '../../domain/driver/loss';
import {
  type LossFindings,
  type DetectedLoss,
  watchDriver,
  type WatchedDriver,
} from '../../domain/driver/lossWatch';
import { type Message } from '../../domain/notices/message';
import { type TravelModel } from '../../domain/geo/places';
import { type Database } from '../../adapters/postgres/database';
import { keepSilence, readWatched, tellOfLosses, writeProgress } from '../../adapters/postgres/lossRows';
import { lossesNoticed, lossesWithheld, showSilentShares } from './lossMetrics';
import { type Clock, type DriverMap, type Log, type MapView } from '../../services/ports';
import { type SupportCases } from '../../services/supportCases';

export type LostDriversDeps = {
  db: Database;
  map: Pick<DriverMap, 'look' | 'ingestUpSince'>;
  cases: Pick<SupportCases, 'resolve'>;
  clock: Clock;
  limits: LossLimits;
  travel: TravelModel;
  /** Divides travel times, as TIME_SCALE does with all durations. */
  timeScale: number;
  log: Pick<Log, 'warn'>;
  /** Called after a commit: the outbox has news. */
  notifyRelay: () => void;
};

/**
 * What one sweep came to: drivers on duty, how many are silent, deliveries told of a loss and not told, cases
 * resolved; `silentCities` are those where the fault is ours.
 */
export type LostDriversReport = {
  watched: number;
  silent: number;
  told: number;
  withheld: number;
  heardAgain: number;
  silentCities: string[];
};

export type LostDrivers = {
  /**
   * Looks at everybody on duty: who with work is silent, or makes no way to the pickup, is lost, and the
   * delivery is told so. Where too much of a city is silent nobody of it is lost, and the pager is told, once
   * when it begins and once when it is over. May be repeated, and may run beside another.
   * @throws where PostgreSQL or the live map is away: nobody is lost then
   */
  sweepLostDrivers(): Promise<LostDriversReport>;
};

const PAGE = 500;
const SWEEP: Actor = { kind: 'system', id: 'lost-drivers-sweep' };

export function createLostDrivers(deps: LostDriversDeps): LostDrivers {
  return {
    sweepLostDrivers: async () => {
      const { cities, silenceOver, isIngestDown } = await watchAll(deps);
      const all = [...cities];
      const faulty = all.filter(([, { silent, knownSilent, working }]) =>
        isIngestOutage(silent - knownSilent, working - knownSilent, deps.limits),
      );
      const silentCities = faulty.map(([cityId]) => cityId);
      const withheld = withhold(deps, faulty);
      const told = await tell(
        deps,
        all.filter(([cityId]) => !silentCities.includes(cityId)).flatMap(([, { losses }]) => losses),
      );
      await tellOfSilence(deps, cities, silentCities, { canEnd: !isIngestDown });
      const heardAgain = await resolveCases(deps, silenceOver);
      const sum = (of: 'working' | 'silent'): number => all.reduce((total, [, city]) => total + city[of], 0);
      return { watched: sum('working'), silent: sum('silent'), told, withheld, heardAgain, silentCities };
    },
  };
}

// ---- looking ----

/**
 * Of all drivers on duty in a city: how many there are, how many are silent, how many of these ops know of,
 * and who would be lost.
 */
type City = { working: number; silent: number; knownSilent: number; losses: DetectedLoss[] };
type Cities = ReadonlyMap<string, City>;

async function watchAll(
  deps: LostDriversDeps,
): Promise<{ cities: Cities; silenceOver: string[]; isIngestDown: boolean }> {
  const now = deps.clock();
  const watch = { ...deps, now, ingestUpSince: await deps.map.ingestUpSince(now) };
  const cities = new Map<string, City>();
  const silenceOver: string[] = [];
  for await (const page of dutyPages(deps)) {
    const seen = page.map((driver) => ({ ...watchDriver(driver, watch), cityId: driver.cityId }));
    await writeProgress(
      deps.db,
      seen.flatMap(({ progress }) => progress),
    );
    for (const each of seen) count(cities, each);
    silenceOver.push(...seen.flatMap((findings) => findings.silenceOver));
  }
  showSilentShares(new Map([...cities].map(([cityId, { working, silent }]) => [cityId, silent / working])));
  return { cities, silenceOver, isIngestDown: now - watch.ingestUpSince < deps.limits.silentMs };
}

async function* dutyPages({ db, map }: LostDriversDeps): AsyncGenerator<WatchedDriver[]> {
  for (let afterId: string | null = null; ;) {
    const rows: WatchedDriver[] = await readWatched(db, afterId, PAGE);
    const views = new Map(
      (await map.look(rows.map(({ driverId }) => driverId))).map((view) => [view.driverId, view]),
    );
    yield rows.map((row) => asHeard(row, views.get(row.driverId)));
    if (rows.length < PAGE) return;
    afterId = rows.at(-1)?.driverId ?? null;
  }
}

/** The newer of what map and record know. */
function asHeard(driver: WatchedDriver, view: MapView | undefined): WatchedDriver {
  const fix = view?.entry?.lastFix ?? null;
  if (fix === null) return driver;
  const { lastSeenAt, place } = driver;
  return {
    ...driver,
    lastSeenAt: Math.max(fix.receivedAt, lastSeenAt ?? fix.receivedAt),
    place: place !== null && place.receivedAt > fix.receivedAt ? place : fix,
  };
}

function count(
  cities: Map<string, City>,
  { cityId, isSilent, isKnownSilent, losses }: LossFindings & { cityId: string },
): void {
  const city = cities.get(cityId) ?? { working: 0, silent: 0, knownSilent: 0, losses: [] };
  city.working++;
  if (isSilent) city.silent++;
  if (isKnownSilent) city.knownSilent++;
  city.losses.push(...losses);
  cities.set(cityId, city);
}

async function resolveCases({ cases }: LostDriversDeps, caseIds: readonly string[]): Promise<number> {
  let resolved = 0;
  for (const caseId of caseIds) {
    const answer = await cases.resolve(caseId, {
      by: SWEEP,
      resolution: 'HEARD_AGAIN',
      note: null,
      correlationId: newCorrelationId(),
    });
    if (answer.outcome === 'done' && answer.changed) resolved++;
  }
  return resolved;
}

// ---- telling ----

function withhold({ log }: LostDriversDeps, faulty: readonly (readonly [string, City])[]): number {
  for (const [cityId, { silent, working, losses }] of faulty) {
    lossesWithheld.inc({ city: cityId }, losses.length);
    log.warn(
      { cityId, silent, working, withheld: losses.length },
      'so much of the city is silent that the fault is ours: nobody is taken for lost',
    );
  }
  return faulty.reduce((total, [, { losses }]) => total + losses.length, 0);
}

async function tell({ db, notifyRelay }: LostDriversDeps, losses: readonly DetectedLoss[]): Promise<number> {
  const told = await tellOfLosses(db, losses);
  for (const { why } of told) lossesNoticed.inc({ why });
  if (told.length > 0) notifyRelay();
  return told.length;
}

/**
 * The pager hears of a city's silence when it begins and when it is over; while ingest is down it is not
 * over.
 */
async function tellOfSilence(
  { db, clock, notifyRelay }: LostDriversDeps,
  cities: Cities,
  silentCities: readonly string[],
  { canEnd }: { canEnd: boolean },
): Promise<void> {
  const at = clock();
  const { began, ended } = await keepSilence(db, silentCities, { at, canEnd }, (news) => [
    ...news.began.map((cityId) => notice(cityId, 'open', cities, at)),
    ...news.ended.map((cityId) => notice(cityId, 'resolved', cities, at)),
  ]);
  if (began.length + ended.length > 0) notifyRelay();
}

function notice(cityId: string, what: 'open' | 'resolved', cities: Cities, at: number): Message {
  const { silent, working, losses } = cities.get(cityId) ?? { silent: 0, working: 0, losses: [] };
  const says = `${silent} of ${working} drivers on duty in ${cityId} are silent`;
  const text =
    what === 'open'
      ? 'So many at once say that the service does not hear them. Nobody of this city is taken for lost meanwhile: look at API and Redis, and rescue by hand who must be.'
      : 'Who is silent is taken for lost again.';
  return {
    kind: 'notify',
    notice: {
      to: { kind: 'pager' },
      about: `city/${cityId}/silent`,
      what,
      severity: what === 'open' ? 'critical' : 'info',
      title: what === 'open' ? says : `Over: ${says}`,
      text,
      link: null,
      cityId,
      facts: { silent, working, withheld: what === 'open' ? losses.length : 0 },
      at,
    },
  };
}

import { v7 as newCorrelationId } from 'uuid';
import { type Actor } from '../../domain/delivery/status';
import { isIngestOutage, type LossLimits } from '../../domain/driver/loss';
import {
  type LossFindings,
  type DetectedLoss,
  watchDriver,
  type WatchedDriver,
} from '../../domain/driver/lossWatch';
import { type OverdueStage } from '../../domain/driver/stageWatch';
import { type Message } from '../../domain/notices/message';
import { type TravelModel } from '../../domain/geo/places';
import {
  storeSilentCities,
  readWatched,
  enqueueLosses,
  writeProgress,
} from '../../adapters/postgres/lossRows';
import { planStages, type StageSweepDeps, tellOverdue } from './stageSweep';
import { lossesDetected, lossesWithheld, showSilentShares } from './lossMetrics';
import { type Clock, type DriverMap, type Log, type MapView } from '../../services/ports';
import { type SupportCases } from '../../services/supportCases';

export type LostDriversDeps = StageSweepDeps & {
  map: Pick<DriverMap, 'readViews' | 'ingestUpSince'>;
  cases: Pick<SupportCases, 'resolve'>;
  clock: Clock;
  limits: LossLimits;
  travel: TravelModel;
  /** Divides travel times, as TIME_SCALE divides all durations. */
  timeScale: number;
  log: Pick<Log, 'warn'>;
  /** Called after a commit that wrote to the outbox. */
  notifyRelay: () => void;
};

/**
 * The result of one sweep: on-duty drivers, silent drivers, losses reported (`told`) and withheld, cases
 * resolved (`heardAgain`), drivers `reminded` of a stage that takes too long, and cases for it (`overdue`).
 * `silentCities` are the cities with an ingest outage.
 */
export type LostDriversReport = {
  watched: number;
  silent: number;
  told: number;
  withheld: number;
  heardAgain: number;
  reminded: number;
  overdue: number;
  silentCities: string[];
};

export type LostDrivers = {
  /**
   * Checks every driver on duty. A driver with work who is silent, or makes no progress to the pickup, is
   * lost, and the delivery is signalled. If too many drivers of a city are silent, none of them is lost, and
   * the pager gets one notice at the start and one at the end. Sweeps may repeat and overlap.
   * @throws while PostgreSQL or the live map is down; no driver is lost then
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
      const heard = all.filter(([cityId]) => !silentCities.includes(cityId)).map(([, city]) => city);
      const told = await reportLosses(
        deps,
        heard.flatMap(({ losses }) => losses),
      );
      const late = await tellOverdue(
        deps,
        heard.flatMap(({ overdue }) => overdue),
      );
      await reportSilence(deps, cities, silentCities, { canEnd: !isIngestDown });
      const heardAgain = await resolveCases(deps, silenceOver);
      const sum = (of: 'working' | 'silent'): number => all.reduce((total, [, city]) => total + city[of], 0);
      return {
        watched: sum('working'),
        silent: sum('silent'),
        told,
        withheld,
        heardAgain,
        ...late,
        silentCities,
      };
    },
  };
}

// ---- detection ----

/**
 * The on-duty drivers of a city: how many there are, how many are silent, how many of these are known to ops,
 * and the losses.
 */
type City = {
  working: number;
  silent: number;
  knownSilent: number;
  losses: DetectedLoss[];
  overdue: OverdueStage[];
};
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
    const lost = new Set(seen.flatMap(({ losses }) => losses).map(({ assignmentId }) => assignmentId));
    for (const stage of await planStages(deps, page, watch))
      if (!lost.has(stage.assignmentId)) cities.get(cityOf(page, stage))?.overdue.push(stage);
    silenceOver.push(...seen.flatMap((findings) => findings.silenceOver));
  }
  showSilentShares(new Map([...cities].map(([cityId, { working, silent }]) => [cityId, silent / working])));
  return { cities, silenceOver, isIngestDown: now - watch.ingestUpSince < deps.limits.silentMs };
}

function cityOf(page: readonly WatchedDriver[], { driverId }: OverdueStage): string {
  return page.find((driver) => driver.driverId === driverId)?.cityId ?? '';
}

async function* dutyPages({ db, map }: LostDriversDeps): AsyncGenerator<WatchedDriver[]> {
  for (let afterId: string | null = null; ;) {
    const rows: WatchedDriver[] = await readWatched(db, afterId, PAGE);
    const views = new Map(
      (await map.readViews(rows.map(({ driverId }) => driverId))).map((view) => [view.driverId, view]),
    );
    yield rows.map((row) => withLatestFix(row, views.get(row.driverId)));
    if (rows.length < PAGE) return;
    afterId = rows.at(-1)?.driverId ?? null;
  }
}

/** The driver with the newer contact and place of map and database. */
function withLatestFix(driver: WatchedDriver, view: MapView | undefined): WatchedDriver {
  const seenAt = view?.seenAt ?? null;
  if (seenAt === null) return driver;
  const { lastSeenAt, place } = driver;
  const fix = view?.entry?.lastFix ?? null;
  const isOlder = fix === null || (place !== null && place.receivedAt > fix.receivedAt);
  return {
    ...driver,
    lastSeenAt: Math.max(seenAt, lastSeenAt ?? seenAt),
    // A contact without a usable position says nothing of the place: it is known as of its own time.
    place: isOlder ? place : { point: fix.point, receivedAt: Math.min(fix.at, fix.receivedAt) },
  };
}

function count(
  cities: Map<string, City>,
  { cityId, isSilent, isKnownSilent, losses }: LossFindings & { cityId: string },
): void {
  const city = cities.get(cityId) ?? { working: 0, silent: 0, knownSilent: 0, losses: [], overdue: [] };
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

// ---- notification ----

function withhold({ log }: LostDriversDeps, faulty: readonly (readonly [string, City])[]): number {
  for (const [cityId, { silent, working, losses }] of faulty) {
    lossesWithheld.inc({ city: cityId }, losses.length);
    log.warn(
      { cityId, silent, working, withheld: losses.length },
      'position ingest seems to be down in this city: lost-driver detection is paused',
    );
  }
  return faulty.reduce((total, [, { losses }]) => total + losses.length, 0);
}

async function reportLosses(
  { db, notifyRelay }: LostDriversDeps,
  losses: readonly DetectedLoss[],
): Promise<number> {
  const reported = await enqueueLosses(db, losses);
  for (const { why } of reported) lossesDetected.inc({ why });
  if (reported.length > 0) notifyRelay();
  return reported.length;
}

/**
 * Pages at the start and at the end of a city's silence. A silence cannot end while ingest is down.
 */
async function reportSilence(
  { db, clock, notifyRelay }: LostDriversDeps,
  cities: Cities,
  silentCities: readonly string[],
  { canEnd }: { canEnd: boolean },
): Promise<void> {
  const at = clock();
  const { began, ended } = await storeSilentCities(db, silentCities, { at, canEnd }, (changes) => [
    ...changes.began.map((cityId) => notice(cityId, 'open', cities, at)),
    ...changes.ended.map((cityId) => notice(cityId, 'resolved', cities, at)),
  ]);
  if (began.length + ended.length > 0) notifyRelay();
}

function notice(cityId: string, what: 'open' | 'resolved', cities: Cities, at: number): Message {
  const { silent, working, losses } = cities.get(cityId) ?? { silent: 0, working: 0, losses: [] };
  const says = `${silent} of ${working} drivers on duty in ${cityId} are silent`;
  const text =
    what === 'open'
      ? 'So many silent drivers point to a failure of position ingest. ' +
        'Lost-driver detection is paused for this city. Check the API and Redis, and rescue drivers by hand.'
      : 'Lost-driver detection has resumed for this city.';
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

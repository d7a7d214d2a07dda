import { readSettings, type Settings } from '../../settings';
import { pause } from '../../simulator/kit/pause';
import { openTemporal, type TemporalWindow } from '../../simulator/kit/temporal';
import type { Broken, Suspicion } from './broken';
import { type MapReader, openMapReader } from './mapReader';
import { mapSuspicions, STALE_GRACE_MS } from './mapRules';
import { type Bounds, DESIGN_BOUNDS, mustBeRightBy, Patience } from './patience';
import { promiseProblems, type ClientAnswers } from './promiseRules';
import { RecordWatch } from './recordWatch';
import { RunsWatch } from './runsWatch';
import type { Snapshot } from './snapshot';
import { type WaitingSettings, waitingSuspicions } from './waitingRules';

/**
 * `env`: the environment of worker and API, or one like it: where PostgreSQL, Redis and Temporal are, and how
 * the service is set. `cityIds`: only deliveries and drivers of these; left out: all. `faultEndedAt`: when
 * (epoch ms) the last fault ended; Infinity while one is on, -Infinity where there was none; left out: there
 * is none.
 */
export type CheckerOptions = {
  env: NodeJS.ProcessEnv;
  cityIds?: readonly string[];
  faultEndedAt?: () => number;
  bounds?: Bounds;
};

/** How many looks there were, and how many saw no PostgreSQL (and so nothing), no Redis, no Temporal. */
export type LookCounts = {
  looks: number;
  withoutPostgres: number;
  withoutRedis: number;
  withoutTemporal: number;
};

/**
 * Holds the service to its invariants (design), by what PostgreSQL, Redis and Temporal say and by what
 * clients were told. ADR 20.
 */
export interface Checker {
  /**
   * One look, about every second while everything runs and faults are on. A server that is away is left out,
   * and counted. While another look is under way: nothing.
   * @param at now, in epoch ms
   * @returns what was newly found broken
   */
  look(at: number): Promise<Broken[]>;
  /**
   * The end of a run: waits until what is wrong has come right or was wrong for too long, and then reads all
   * of the run.
   * @returns all that was found broken in the whole run, once each
   * @throws Error where a fault is on, or a server is away
   */
  final(told: ClientAnswers): Promise<Broken[]>;
  readonly counts: Readonly<LookCounts>;
  close(): Promise<void>;
}

const CALL_TIMEOUT_MS = 5_000;
const SETTLING_LOOK_MS = 250;
/** A look that a loaded machine makes late is waited for. */
const LAST_LOOK_MS = 30_000;

/**
 * @throws Error where one of the servers is away at the start; SettingsError where `env` is not one of the
 *   service
 */
export async function openChecker({
  env,
  cityIds,
  faultEndedAt = () => -Infinity,
  bounds = DESIGN_BOUNDS,
}: CheckerOptions): Promise<Checker> {
  const settings = readSettings(env);
  const cities = cityIds ?? null;
  const record = await RecordWatch.open({
    databaseUrl: settings.database.url,
    cityIds: cities,
    timeoutMs: CALL_TIMEOUT_MS,
  });
  const temporal = await openTemporal({ callTimeoutMs: CALL_TIMEOUT_MS, env });
  const map = openMapReader(settings.redis.url, CALL_TIMEOUT_MS);
  return new ThreeWitnesses({
    record,
    temporal,
    map,
    runs: new RunsWatch(temporal, cities, Date.now()),
    settings,
    areAll: cities === null,
    faultEndedAt,
    bounds,
  });
}

type Parts = {
  record: RecordWatch;
  temporal: TemporalWindow;
  map: MapReader;
  runs: RunsWatch;
  settings: Settings;
  areAll: boolean;
  faultEndedAt: () => number;
  bounds: Bounds;
};

class ThreeWitnesses implements Checker {
  readonly counts: LookCounts = { looks: 0, withoutPostgres: 0, withoutRedis: 0, withoutTemporal: 0 };
  private readonly found = new Map<string, Broken>();
  private readonly patience: Record<'record' | 'map' | 'runs', Patience>;
  private isLooking = false;
  /** What kept the last look from seeing all three; null: it saw them. */
  private missed: unknown = 'not looked yet';

  constructor(private readonly parts: Parts) {
    const { bounds } = parts;
    this.patience = { record: new Patience(bounds), map: new Patience(bounds), runs: new Patience(bounds) };
  }

  async look(at: number): Promise<Broken[]> {
    if (this.isLooking) return [];
    this.isLooking = true;
    try {
      return this.noted(await this.lookAtAll(at));
    } finally {
      this.isLooking = false;
    }
  }

  async final(told: ClientAnswers): Promise<Broken[]> {
    this.parts.runs.expectClosed(await this.parts.record.closed());
    await this.settle();
    const { deliveries, problems } = await this.parts.record.judgeAll([
      ...new Set(told.acknowledged.map(({ deliveryId }) => deliveryId)),
    ]);
    this.noted([...problems, ...promiseProblems(told, deliveries)]);
    return [...this.found.values()];
  }

  async close(): Promise<void> {
    const { record, temporal, map } = this.parts;
    map.close();
    await Promise.all([record.close(), temporal.close()]);
  }

  private async lookAtAll(at: number): Promise<Broken[]> {
    const { record, runs, faultEndedAt } = this.parts;
    this.counts.looks += 1;
    this.missed = null;
    const seen = await this.tried('withoutPostgres', () => record.look());
    if (seen === null) return [];
    runs.expectClosed(seen.closed);
    const [onMap, inRuns] = await Promise.all([
      this.tried('withoutRedis', () => this.lookAtMap(seen.snapshot)),
      this.tried('withoutTemporal', () => runs.look(seen.snapshot.open)),
    ]);
    // Only now: a fault may have begun meanwhile.
    const ended = faultEndedAt();
    return [
      ...seen.problems,
      ...this.patience.record.judge(
        waitingSuspicions(seen.snapshot, waitingSettingsOf(this.parts.settings), at),
        at,
        ended,
      ),
      ...(onMap ? this.patience.map.judge(onMap, at, ended) : []),
      ...(inRuns ? this.patience.runs.judge(inRuns, at, ended) : []),
    ];
  }

  private async lookAtMap({ cityIds, drivers }: Snapshot): Promise<Suspicion[]> {
    const {
      map,
      areAll,
      settings: {
        ranking: { freshPositionMs },
      },
    } = this.parts;
    const picture = await map.read(
      cityIds,
      drivers.map(({ driverId }) => driverId),
    );
    return mapSuspicions(
      drivers,
      picture,
      { freshPositionMs, staleGraceMs: STALE_GRACE_MS, areAll },
      Date.now(),
    );
  }

  private async tried<T>(
    count: Exclude<keyof LookCounts, 'looks'>,
    look: () => Promise<T>,
  ): Promise<T | null> {
    try {
      return await look();
    } catch (error) {
      this.counts[count] += 1;
      this.missed = error;
      return null;
    }
  }

  /** @returns those that are new */
  private noted(broken: readonly Broken[]): Broken[] {
    return broken.filter((each) => {
      const key = JSON.stringify(each);
      if (this.found.has(key)) return false;
      this.found.set(key, each);
      return true;
    });
  }

  private async settle(): Promise<void> {
    const { faultEndedAt, bounds, runs } = this.parts;
    const decidedBy = mustBeRightBy(Date.now(), faultEndedAt(), bounds);
    if (decidedBy === Infinity) throw new Error('a fault is on: nothing can be said of how the run ended');
    for (;;) {
      const at = Date.now();
      await this.look(at);
      const { record, map, runs: ofRuns } = this.patience;
      const isSettled = record.pending + map.pending + ofRuns.pending + runs.toBeSeen === 0;
      if (this.missed === null && (isSettled || at > decidedBy + SETTLING_LOOK_MS)) return;
      if (at > decidedBy + LAST_LOOK_MS)
        throw new Error('PostgreSQL, Redis or Temporal is away: nothing can be said of how the run ended', {
          cause: this.missed,
        });
      await pause(SETTLING_LOOK_MS);
    }
  }
}

function waitingSettingsOf({
  searchMaxMs,
  escalation,
  search: { maxBackoffMs },
  features,
}: Settings): WaitingSettings {
  const feature = features.find((each) => each.feature === 'escalation') ?? {
    feature: 'escalation',
    state: 'OFF',
    rolloutPercent: 0,
    cities: null,
  };
  return { limits: { searchMaxMs, escalation, maxBackoffMs }, escalation: feature };
}

import { readSettings, type Settings } from '../../settings';
import { pause } from '../../simulator/kit/pause';
import { openTemporal, type TemporalInspector } from '../../simulator/kit/temporal';
import type { Violation, PendingViolation } from './violation';
import { type MapReader, openMapReader } from './mapReader';
import { mapViolations, STALE_GRACE_MS } from './mapRules';
import { type Bounds, DESIGN_BOUNDS, mustBeRightBy, Patience } from './patience';
import { promiseProblems, type ClientAnswers } from './promiseRules';
import { RecordWatch } from './recordWatch';
import { RunsWatch } from './runsWatch';
import type { Snapshot } from './snapshot';
import { type WaitingSettings, waitingViolations } from './waitingRules';

/**
 * `env`: the environment of worker and API, or an equivalent one. `cityIds`: check only deliveries and
 * drivers of these cities; absent: all. `faultEndedAt`: when (epoch ms) the last fault ended; Infinity while
 * one is active, -Infinity where there was none; absent: no faults.
 */
export type CheckerOptions = {
  env: NodeJS.ProcessEnv;
  cityIds?: readonly string[];
  faultEndedAt?: () => number;
  bounds?: Bounds;
};

/** How many checks ran, and how many of them missed PostgreSQL (and so everything), Redis or Temporal. */
export type CheckCounts = {
  checks: number;
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
   * One check, run about every second during normal operation and faults. An unavailable server is skipped
   * and counted. Does nothing while another check is running.
   * @param at now, in epoch ms
   * @returns new violations
   */
  look(at: number): Promise<Violation[]>;
  /**
   * Ends a run: waits until every pending violation has cleared or exceeded its bound, then reads the whole
   * run.
   * @returns all violations of the run, once each
   * @throws Error while a fault is active, or where a server is unavailable
   */
  final(told: ClientAnswers): Promise<Violation[]>;
  readonly counts: Readonly<CheckCounts>;
  close(): Promise<void>;
}

const CALL_TIMEOUT_MS = 5_000;
const SETTLING_LOOK_MS = 250;
/** The final check may take longer on a loaded machine. */
const LAST_LOOK_MS = 30_000;

/** @throws Error where a server is unavailable at the start; SettingsError where `env` is invalid */
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
  temporal: TemporalInspector;
  map: MapReader;
  runs: RunsWatch;
  settings: Settings;
  areAll: boolean;
  faultEndedAt: () => number;
  bounds: Bounds;
};

class ThreeWitnesses implements Checker {
  readonly counts: CheckCounts = { checks: 0, withoutPostgres: 0, withoutRedis: 0, withoutTemporal: 0 };
  private readonly found = new Map<string, Violation>();
  private readonly patience: Record<'record' | 'map' | 'runs', Patience>;
  private isLooking = false;
  /** Why the last check missed a server; null: it reached all three. */
  private missed: unknown = 'not looked yet';

  constructor(private readonly parts: Parts) {
    const { bounds } = parts;
    this.patience = { record: new Patience(bounds), map: new Patience(bounds), runs: new Patience(bounds) };
  }

  async look(at: number): Promise<Violation[]> {
    if (this.isLooking) return [];
    this.isLooking = true;
    try {
      return this.noted(await this.lookAtAll(at));
    } finally {
      this.isLooking = false;
    }
  }

  async final(told: ClientAnswers): Promise<Violation[]> {
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

  private async lookAtAll(at: number): Promise<Violation[]> {
    const { record, runs, faultEndedAt } = this.parts;
    this.counts.checks += 1;
    this.missed = null;
    const seen = await this.tried('withoutPostgres', () => record.look());
    if (seen === null) return [];
    runs.expectClosed(seen.closed);
    const [onMap, inRuns] = await Promise.all([
      this.tried('withoutRedis', () => this.lookAtMap(seen.snapshot)),
      this.tried('withoutTemporal', () => runs.look(seen.snapshot.open)),
    ]);
    // Read only now: a fault may have begun meanwhile.
    const ended = faultEndedAt();
    return [
      ...seen.problems,
      ...this.patience.record.judge(
        waitingViolations(seen.snapshot, waitingSettingsOf(this.parts.settings), at),
        at,
        ended,
      ),
      ...(onMap ? this.patience.map.judge(onMap, at, ended) : []),
      ...(inRuns ? this.patience.runs.judge(inRuns, at, ended) : []),
    ];
  }

  private async lookAtMap({ cities, drivers }: Snapshot): Promise<PendingViolation[]> {
    const {
      map,
      areAll,
      settings: {
        ranking: { freshPositionMs },
      },
    } = this.parts;
    const picture = await map.read(
      cities.map(({ cityId }) => cityId),
      drivers.map(({ driverId }) => driverId),
    );
    return mapViolations(
      drivers,
      picture,
      { freshPositionMs, staleGraceMs: STALE_GRACE_MS, areAll },
      Date.now(),
    );
  }

  private async tried<T>(
    count: Exclude<keyof CheckCounts, 'checks'>,
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

  /** @returns the violations that are new */
  private noted(broken: readonly Violation[]): Violation[] {
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
    if (decidedBy === Infinity) throw new Error('a fault is active: the run cannot be judged');
    for (;;) {
      const at = Date.now();
      await this.look(at);
      const { record, map, runs: ofRuns } = this.patience;
      const isSettled = record.pending + map.pending + ofRuns.pending + runs.toBeSeen === 0;
      if (this.missed === null && (isSettled || at > decidedBy + SETTLING_LOOK_MS)) return;
      if (at > decidedBy + LAST_LOOK_MS)
        throw new Error('PostgreSQL, Redis or Temporal is unavailable: the run cannot be judged', {
          cause: this.missed,
        });
      await pause(SETTLING_LOOK_MS);
    }
  }
}

function waitingSettingsOf({
  searchMaxMs,
  escalation,
  matchingNetMs,
  search: { maxBackoffMs },
  features,
}: Settings): WaitingSettings {
  return { limits: { searchMaxMs, escalation, matchingNetMs, maxBackoffMs }, features };
}

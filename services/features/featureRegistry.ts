import { setTimeout as sleep } from 'node:timers/promises';
import pTimeout from 'p-timeout';
import {
  effectiveSetting,
  type FeatureOverride,
  isSameSetting,
  NO_OVERRIDE,
  plannedPercent,
} from '../../domain/features/featureOverride';
import {
  decideFeature,
  type FeatureDecision,
  type FeatureName,
  type FeatureSetting,
  type FeatureSubject,
} from '../../domain/features/rollout';
import { countToggle, showFeature } from './featureMetrics';
import { type Clock, type Features, type Log } from '../ports';

/** A feature override by ops, with time and reason. A higher id is newer. `at` is epoch ms. */
export type FeatureRow = FeatureOverride & {
  id: bigint;
  feature: FeatureName;
  who: string;
  why: string;
  at: number;
};

/** A changed effective feature. `by`: who changed it; null if no override by ops applies. */
export type FeatureChange = {
  feature: FeatureName;
  before: FeatureSetting;
  now: FeatureSetting;
  by: { who: string; why: string } | null;
};

/** Notifies every process of a written setting. Messages may be lost; polling is the fallback. */
export interface FeatureChangeChannel {
  listen(onChange: () => void): void;
  publish(): Promise<void>;
  stop(): Promise<void>;
}

export type FeatureRegistryDeps = {
  /** All features, as set by the environment at the start. */
  environment: readonly FeatureSetting[];
  /** The newest row of each feature that has one. */
  readRows: () => Promise<readonly FeatureRow[]>;
  changeChannel: FeatureChangeChannel;
  clock: Clock;
  log: Pick<Log, 'info' | 'warn'>;
  pollMs?: number;
};

/**
 * The effective features of this process: the environment's settings with the overrides of ops (ADR 9).
 * Decisions are made in memory and never wait.
 */
export interface FeatureRegistry extends Features {
  isOn(feature: FeatureName, subject: FeatureSubject): boolean;
  /** @returns null for an unknown feature */
  decide(
    feature: string,
    subject: FeatureSubject,
  ): { setting: FeatureSetting; decision: FeatureDecision } | null;
  /** The environment's setting; null for an unknown feature. */
  environment(feature: string): FeatureSetting | null;
  /** The effective setting of each feature, in the order of the environment. */
  effective(): readonly FeatureSetting[];
  /** When the effective setting last changed in this process (epoch ms); at first, its start. */
  changedAt(feature: FeatureName): number;
  /** Calls the listener at each change of an effective setting. @returns the unsubscribe function */
  onChange(listener: (change: FeatureChange) => void): () => void;
  /**
   * The number of rows accepted so far. Taken before a read, it marks the rows that the read must include.
   */
  taken(): number;
  /**
   * Applies rows. Rows older than the known ones are ignored, unless the read should have included those and
   * did not: then a backup was restored, and its settings apply.
   * @param asOf `taken()` before the read started
   */
  accept(rows: readonly FeatureRow[], asOf?: number): void;
  /** Waits for the first read of the settings, then keeps them fresh. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const POLL_MS = 2_000;
/** The time-out after which the database counts as down. */
const READ_TIMEOUT_MS = 3_000;

/**
 * Features that change at run time. While PostgreSQL is down the last known settings apply. While Redis is
 * down changes arrive by polling.
 */
export function createFeatureRegistry(deps: FeatureRegistryDeps): FeatureRegistry {
  const known = createKnownFeatures(deps);
  const reader = createReader(deps, known);
  let poll: NodeJS.Timeout | undefined;
  return {
    ...known,
    start: async () => {
      deps.changeChannel.listen(() => void reader.refresh());
      // Ops may have switched off what the environment enables, so the process must not start without their
      // settings.
      while (!(await reader.refresh())) await sleep(deps.pollMs ?? POLL_MS);
      poll = setInterval(() => void reader.refresh(), deps.pollMs ?? POLL_MS);
    },
    stop: async () => {
      clearInterval(poll);
      await Promise.all([deps.changeChannel.stop(), reader.settled()]);
    },
  };
}

/**
 * Logs the features that are off, then each change, such as `driver_offers disabled`.
 * @param log writes at any level of LOG_LEVEL: what is off is known from the log alone
 */
export function logFeatures(
  features: Pick<FeatureRegistry, 'effective' | 'onChange'>,
  log: Pick<Log, 'info'>,
): void {
  for (const { feature, state } of features.effective())
    if (state !== 'ON') log.info({ feature, why: state }, `${feature} disabled`);
  features.onChange(({ feature, before, now, by }) => {
    const { state, rolloutPercent, cities } = now;
    const what =
      (before.state === 'ON') === (state === 'ON') ? 'changed' : state === 'ON' ? 'enabled' : 'disabled';
    log.info({ feature, state, rolloutPercent, cities, ...by }, `${feature} ${what}`);
  });
}

// ---- what is known ----

/** `taken`: the position of its row among the accepted rows. */
type KnownFeature = {
  environment: FeatureSetting;
  rowId: bigint;
  taken: number;
  override: FeatureOverride;
  setting: FeatureSetting;
  changedAt: number;
};
type KnownFeatures = Omit<FeatureRegistry, 'start' | 'stop'>;

function createKnownFeatures({
  environment,
  clock,
  log,
}: Pick<FeatureRegistryDeps, 'environment' | 'clock' | 'log'>): KnownFeatures {
  const startedAt = clock();
  const byName = new Map<string, KnownFeature>(
    environment.map((setting) => [
      setting.feature,
      { environment: setting, rowId: -1n, taken: 0, override: NO_OVERRIDE, setting, changedAt: startedAt },
    ]),
  );
  let taken = 0;
  const listeners = new Set<(change: FeatureChange) => void>();
  const notifyListeners = (change: FeatureChange): void =>
    listeners.forEach((listener) => {
      try {
        listener(change);
      } catch (error) {
        log.warn({ err: error, feature: change.feature }, 'a listener for feature changes failed');
      }
    });
  const show = (): void =>
    byName.forEach(({ setting, override }) => showFeature(setting, plannedPercent(override.plan, clock())));
  show();
  // A process that starts with a killed feature is how an environment switches it off.
  for (const { feature, state } of environment) if (state === 'KILLED') countToggle(feature, 'disabled');
  return {
    isOn: (feature, subject) => {
      const known = byName.get(feature);
      return known !== undefined && decideFeature(known.setting, subject).on;
    },
    decide: (feature, subject) => {
      const known = byName.get(feature);
      return known === undefined
        ? null
        : { setting: known.setting, decision: decideFeature(known.setting, subject) };
    },
    environment: (feature) => byName.get(feature)?.environment ?? null,
    effective: () => [...byName.values()].map(({ setting }) => setting),
    changedAt: (feature) => byName.get(feature)?.changedAt ?? startedAt,
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    taken: () => taken,
    accept: (rows, asOf = -1) => {
      const changes = newestOfEach(rows).flatMap((row) => {
        const known = byName.get(row.feature);
        const isSetBack = known !== undefined && row.id < known.rowId && known.taken <= asOf;
        if (known === undefined || (row.id <= known.rowId && !isSetBack)) return [];
        if (isSetBack)
          log.warn(
            { feature: row.feature, rowId: String(row.id), knownRowId: String(known.rowId) },
            'the database was restored to an earlier state; its feature setting now applies',
          );
        const { next, change } = takenOn(known, row, clock());
        byName.set(row.feature, { ...next, taken: ++taken });
        return change === null ? [] : [change];
      });
      show();
      changes.forEach(notifyListeners);
    },
  };
}

function newestOfEach(rows: readonly FeatureRow[]): FeatureRow[] {
  const byFeature = new Map<FeatureName, FeatureRow>();
  for (const row of rows)
    if (row.id > (byFeature.get(row.feature)?.id ?? -1n)) byFeature.set(row.feature, row);
  return [...byFeature.values()];
}

function takenOn(
  known: KnownFeature,
  row: FeatureRow,
  now: number,
): { next: KnownFeature; change: FeatureChange | null } {
  const setting = effectiveSetting(known.environment, row);
  const next = { ...known, rowId: row.id, override: row };
  if (isSameSetting(known.setting, setting)) return { next, change: null };
  const { feature, who, why } = row;
  return {
    next: { ...next, setting, changedAt: now },
    change: { feature, before: known.setting, now: setting, by: { who, why } },
  };
}

// ---- reading ----

type Reader = {
  /**
   * Reads the settings again, with a query that starts after the call.
   * @returns whether they could be read
   */
  refresh(): Promise<boolean>;
  /** Waits for reads in progress. */
  settled(): Promise<unknown>;
};

/** One read at a time. Callers during a read share the next one. */
function createReader(
  { readRows, log }: FeatureRegistryDeps,
  known: Pick<KnownFeatures, 'taken' | 'accept'>,
): Reader {
  let isAway = false;
  const read = async (): Promise<boolean> => {
    try {
      const asOf = known.taken();
      known.accept(await inTime(readRows()), asOf);
      if (isAway) log.info({}, 'feature settings can be read again');
      isAway = false;
    } catch (error) {
      if (!isAway) log.warn({ err: error }, 'feature settings cannot be read; the last known settings apply');
      isAway = true;
    }
    return !isAway;
  };
  let running: Promise<boolean> | null = null;
  let next: Promise<boolean> | null = null;
  const begin = (): Promise<boolean> => {
    next = null;
    running = read().finally(() => {
      running = null;
    });
    return running;
  };
  return {
    refresh: () => (running === null ? begin() : (next ??= running.then(begin))),
    settled: async () => next ?? running,
  };
}

function inTime<T>(reading: Promise<T>): Promise<T> {
  return pTimeout(reading, { milliseconds: READ_TIMEOUT_MS, message: 'no answer in time' });
}

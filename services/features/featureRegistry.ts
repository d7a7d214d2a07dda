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
import { showFeature } from './featureMetrics';
import { type Clock, type Features, type Log } from '../ports';

/** What ops said of a feature, when and why. A higher id came later. `at` in epoch ms. */
export type FeatureRow = FeatureOverride & {
  id: bigint;
  feature: FeatureName;
  who: string;
  why: string;
  at: number;
};

/**
 * A feature that decides otherwise than before. `by`: who asked for it; null where no change of ops holds.
 */
export type FeatureChange = {
  feature: FeatureName;
  before: FeatureSetting;
  now: FeatureSetting;
  by: { who: string; why: string } | null;
};

/** Tells every process that a setting was written. News may be lost: the poll is the net. */
export interface FeatureChangeChannel {
  listen(onChange: () => void): void;
  publish(): Promise<void>;
  stop(): Promise<void>;
}

export type FeatureRegistryDeps = {
  /** The features there are, as the environment set them at the start. */
  environment: readonly FeatureSetting[];
  /** The newest row of each feature that has one. */
  readRows: () => Promise<readonly FeatureRow[]>;
  changeChannel: FeatureChangeChannel;
  clock: Clock;
  log: Pick<Log, 'info' | 'warn'>;
  pollMs?: number;
};

/**
 * What holds in this process: the environment's word, and that of ops over it (ADR 9). Decisions are made in
 * memory and wait for nobody.
 */
export interface FeatureRegistry extends Features {
  isOn(feature: FeatureName, subject: FeatureSubject): boolean;
  /** @returns null where there is no such feature */
  decide(
    feature: string,
    subject: FeatureSubject,
  ): { setting: FeatureSetting; decision: FeatureDecision } | null;
  /** As the environment has it; null where there is no such feature. */
  environment(feature: string): FeatureSetting | null;
  /** What holds for each feature, in the order of the environment. */
  effective(): readonly FeatureSetting[];
  /** Since when (epoch ms) the present setting holds in this process; at first, since its start. */
  changedAt(feature: FeatureName): number;
  /** Calls the listener at each change of what holds. @returns how to end that */
  onChange(listener: (change: FeatureChange) => void): () => void;
  /**
   * How many rows were taken on so far: asked before a reading begins, it says what the reading must know of.
   */
  taken(): number;
  /**
   * Takes on what was written. Rows older than the known ones change nothing, unless the reading must know of
   * those and does not: then the database was set back (a restored backup), and what it says now holds.
   * @param asOf `taken()` before the reading began
   */
  accept(rows: readonly FeatureRow[], asOf?: number): void;
  /** Waits until the settings were read once, and keeps them fresh from then on. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const POLL_MS = 2_000;
/** A database that says nothing for so long is away. */
const READ_TIMEOUT_MS = 3_000;

/**
 * Features that change at run time. While PostgreSQL is away the last known settings hold; while Redis is,
 * changes come by the poll.
 */
export function createFeatureRegistry(deps: FeatureRegistryDeps): FeatureRegistry {
  const known = createKnownFeatures(deps);
  const reader = createReader(deps, known);
  let poll: NodeJS.Timeout | undefined;
  return {
    ...known,
    start: async () => {
      deps.changeChannel.listen(() => void reader.refresh());
      // What the environment has on, ops may have switched off: without their word nothing may begin.
      while (!(await reader.refresh())) await sleep(deps.pollMs ?? POLL_MS);
      poll = setInterval(() => void reader.refresh(), deps.pollMs ?? POLL_MS);
    },
    stop: async () => {
      clearInterval(poll);
      await Promise.all([deps.changeChannel.stop(), reader.settled()]);
    },
  };
}

/** Says in the log which features are off, and from then on each change: `driver_offers disabled`. */
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

/** `taken`: which one of the rows taken on its row was. */
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
   * Reads the settings once more, by a look that begins after the call.
   * @returns whether they could be read
   */
  refresh(): Promise<boolean>;
  /** Waits for what is under way. */
  settled(): Promise<unknown>;
};

/** One reading at a time: who asks meanwhile shares the next. */
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

import { type Client } from '@openfeature/server-sdk';
import {
  effectiveSetting,
  type FeatureOverride,
  isSameOverride,
  NO_OVERRIDE,
  ordered,
  plannedPercent,
} from '../../domain/features/featureOverride';
import { type FeatureName, type FeatureSetting, type FeatureSubject } from '../../domain/features/rollout';
import { type Message, opsRoom } from '../../domain/notices/message';
import { type Database, type Tx } from '../../adapters/postgres/database';
import {
  lockFeature,
  readFeatureRows,
  unknownCities,
  writeFeatureRow,
} from '../../adapters/postgres/featureRows';
import { lockChain } from '../../adapters/postgres/configurationTrail';
import { enqueue } from '../../adapters/postgres/outbox';
import { readCityIds } from '../../adapters/postgres/presenceRows';
import { NO_CITY, recordChange, type Settings } from '../configuration';
import { countToggle } from './featureMetrics';
import { type FeatureChangeChannel, type FeatureRegistry, type FeatureRow } from './featureRegistry';
import { type Clock, type Log } from '../ports';

export type FeatureServiceDeps = FeatureSwitchDeps & { client: Pick<Client, 'getBooleanDetails'> };

export type FeatureSwitchDeps = {
  db: Database;
  registry: FeatureRegistry;
  changeChannel: Pick<FeatureChangeChannel, 'publish'>;
  clock: Clock;
  log: Pick<Log, 'warn'>;
  /** Called after a commit that wrote to the outbox. */
  notifyRelay: () => void;
};

/** A feature as ops see it. `plannedPercent` is for today; `history` the last changes, newest first. */
export type FeatureReport = {
  environment: FeatureSetting;
  override: FeatureOverride;
  effective: FeatureSetting;
  plannedPercent: number | null;
  history: readonly (FeatureOverride & { id: bigint; who: string; why: string; at: number })[];
};

/** A refusal is a value. `changed` is false if nothing had to be written. */
export type FeatureAnswer =
  | { outcome: 'notFound' }
  | { outcome: 'refused'; code: 'FEATURE_KILLED' | 'UNKNOWN_CITY'; detail: string }
  | { outcome: 'overtaken'; report: FeatureReport }
  | { outcome: 'done'; changed: boolean; report: FeatureReport };

/**
 * A change requested by ops. `after`: the id of the last change that they saw, null for none. If another
 * change is the last by now, the request is `overtaken`, so that a stale form does not undo a kill.
 * Undefined: no check.
 */
export type FeatureOverrideRequest = FeatureOverride & { after?: string | null };

/** Who changes a feature, ops unless `kind` says otherwise, and what is told of it in the same transaction. */
export type FeatureChangedBy = {
  who: string;
  why: string;
  kind?: 'ops' | 'system';
  messages?: readonly Message[];
};

/** What OpenFeature says of one subject; `why` null = it is on. */
export type FeatureEvaluation = {
  on: boolean;
  reason: string;
  why: string | null;
  draw: number;
  rolloutPercent: number;
};

/** Reads and changes features for ops (docs/behaviour.md#features, ADR 9). */
export type FeatureService = {
  /** The effective settings of this process. */
  effective(): readonly FeatureSetting[];
  list(): Promise<FeatureReport[]>;
  /** Replaces the whole override of a feature. A repeat changes nothing. */
  put(
    feature: string,
    request: FeatureOverrideRequest,
    by: FeatureChangedBy,
    correlationId: string,
  ): Promise<FeatureAnswer>;
  /** Whether a feature is on for a delivery (or driver), and why not. @returns null for an unknown feature */
  evaluate(feature: string, subject: FeatureSubject): Promise<FeatureEvaluation | null>;
};

/** The number of changes shown per feature. */
const HISTORY = 20;

export function createFeatureService(deps: FeatureServiceDeps): FeatureService {
  return {
    effective: () => deps.registry.effective(),
    list: async () => {
      const features = deps.registry.effective().map(({ feature }) => feature);
      const rows = await readReported(deps, features);
      return features.flatMap(
        (feature) =>
          reportOf(
            deps,
            feature,
            rows.filter((row) => row.feature === feature),
          ) ?? [],
      );
    },
    ...createFeatureSwitch(deps),
    evaluate: (feature, subject) => evaluate(deps, feature, subject),
  };
}

/** For processes that switch features and answer no questions about them: these are for OpenFeature. */
export function createFeatureSwitch(deps: FeatureSwitchDeps): Pick<FeatureService, 'put'> {
  return {
    put: (feature, { after, ...override }, by, correlationId) =>
      put(deps, feature, { override: ordered(override), after, by, correlationId }),
  };
}

type Asked = {
  override: FeatureOverride;
  after: string | null | undefined;
  by: FeatureChangedBy;
  correlationId: string;
};

async function put(deps: FeatureSwitchDeps, name: string, asked: Asked): Promise<FeatureAnswer> {
  const environment = deps.registry.environment(name);
  if (environment === null) return { outcome: 'notFound' };
  const { feature, state } = environment;
  if (state === 'KILLED')
    return {
      outcome: 'refused',
      code: 'FEATURE_KILLED',
      detail: 'the environment disables this feature; only a restart with another setting can enable it',
    };
  const written = await deps.db.$transaction((tx) => write(tx, deps.clock, feature, asked));
  if ('unknown' in written)
    return {
      outcome: 'refused',
      code: 'UNKNOWN_CITY',
      detail: `there is no city ${written.unknown.join(', ')}`,
    };
  if (!('overtaken' in written) && written.row !== null)
    spread(deps, environment, written.before, written.row);
  const report = reportOf(deps, feature, await readReported(deps, [feature]));
  if (report === null) return { outcome: 'notFound' };
  return 'overtaken' in written
    ? { outcome: 'overtaken', report }
    : { outcome: 'done', changed: written.row !== null, report };
}

/** `row` is null if nothing had to be written. */
type Written =
  { unknown: string[] } | { overtaken: true } | { row: FeatureRow | null; before: FeatureOverride };

async function write(
  tx: Tx,
  clock: Clock,
  feature: FeatureName,
  { override, after, by, correlationId }: Asked,
): Promise<Written> {
  await lockFeature(tx, feature);
  const unknown = await unknownCities(tx, override.cities ?? []);
  if (unknown.length > 0) return { unknown };
  const [last] = await readFeatureRows(tx, [feature], 1);
  const before = last ?? NO_OVERRIDE;
  if (isSameOverride(before, override)) return { row: null, before };
  if (after !== undefined && after !== (last === undefined ? null : String(last.id)))
    return { overtaken: true };
  const row = await writeFeatureRow(tx, feature, override, by);
  await record(tx, feature, { before, after: override, by, correlationId, at: clock() });
  await enqueue(tx, `feature/${feature}`, correlationId, [await messageOf(tx, row), ...(by.messages ?? [])]);
  return { row, before };
}

/** Why is in the row, which is history: it stays. What the service itself gives as a reason is in the entry too. */
async function record(
  tx: Tx,
  feature: FeatureName,
  change: {
    before: FeatureOverride;
    after: FeatureOverride;
    by: FeatureChangedBy;
    correlationId: string;
    at: number;
  },
): Promise<void> {
  const { before, after, by, correlationId, at } = change;
  const changing = { chain: `feature/${feature}`, subject: 'feature', id: feature, cityId: null } as const;
  const head = await lockChain(tx, changing.chain, NO_CITY);
  const { who: id, kind = 'ops' } = by;
  const actor = { kind, id };
  const why = kind === 'system' ? { why: by.why } : {};
  await recordChange(
    tx,
    { changing, head, by: { by: actor, correlationId, ...why }, at },
    settingsOf(before),
    settingsOf(after),
  );
}

function settingsOf({ enabled, percent, cities, plan }: FeatureOverride): Settings {
  return { enabled, percent, cities, plan };
}

/** Notifies all ops, whatever their cities, so that consoles reload the features. */
async function messageOf(tx: Tx, { feature, enabled, percent, cities }: FeatureRow): Promise<Message> {
  const rooms = (await readCityIds(tx)).map(opsRoom);
  return {
    kind: 'emit',
    emits: [{ rooms, event: 'FEATURE_CHANGED', body: { feature, enabled, percent, cities } }],
  };
}

/** Applies the change in this process and publishes it to the others. */
function spread(
  { registry, changeChannel, log, notifyRelay }: FeatureSwitchDeps,
  environment: FeatureSetting,
  before: FeatureOverride,
  row: FeatureRow,
): void {
  registry.accept([row]);
  changeChannel
    .publish()
    .catch((error: unknown) =>
      log.warn(
        { err: error, feature: row.feature },
        'a feature change could not be published; other processes find it by polling',
      ),
    );
  notifyRelay();
  const [was, is] = [before, row].map((override) => effectiveSetting(environment, override).state === 'ON');
  if (was !== is) countToggle(row.feature, is === true ? 'enabled' : 'disabled');
}

/** Applies the current PostgreSQL settings to this process as well. */
async function readReported(
  { db, registry }: FeatureSwitchDeps,
  features: readonly FeatureName[],
): Promise<FeatureRow[]> {
  const asOf = registry.taken();
  const rows = await readFeatureRows(db, features, HISTORY);
  registry.accept(rows, asOf);
  return rows;
}

function reportOf(
  { registry, clock }: FeatureSwitchDeps,
  feature: FeatureName,
  history: readonly FeatureRow[],
): FeatureReport | null {
  const environment = registry.environment(feature);
  if (environment === null) return null;
  const { enabled, percent, cities, plan } = history[0] ?? NO_OVERRIDE;
  const override = { enabled, percent, cities, plan };
  return {
    environment,
    override,
    effective: effectiveSetting(environment, override),
    plannedPercent: plannedPercent(plan, clock()),
    history,
  };
}

async function evaluate(
  { client, registry }: FeatureServiceDeps,
  feature: string,
  { cityId, key }: FeatureSubject,
): Promise<FeatureEvaluation | null> {
  if (registry.environment(feature) === null) return null;
  const {
    value,
    reason,
    errorMessage,
    flagMetadata: { why, draw, rolloutPercent },
  } = await client.getBooleanDetails(feature, false, { targetingKey: key, cityId });
  if (typeof draw !== 'number' || typeof rolloutPercent !== 'number')
    throw new Error(`${feature} could not be evaluated: ${errorMessage ?? 'another provider is set'}`);
  return {
    on: value,
    reason: reason ?? 'UNKNOWN',
    why: typeof why === 'string' ? why : null,
    draw,
    rolloutPercent,
  };
}

/** Limits of which one makes no sense beside the other, whatever their units. */
import type { Environment, Variable } from './variable';
import { API_VARIABLES as API, SERVICE_VARIABLES as SERVICE } from './variables';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** A variable with the size of its unit, so that seconds compare with minutes. `zero`: 0 means no limit. */
type Limit = { of: Variable<number> | Variable<number | null>; unit: number; zero?: true };
type Rule = { low: Limit; high: Limit; isEqualAllowed: boolean };

const seconds = (of: Limit['of']): Limit => ({ of, unit: SECOND });
const minutes = (of: Limit['of']): Limit => ({ of, unit: MINUTE });
const plain = (of: Limit['of']): Limit => ({ of, unit: 1 });
const below = (low: Limit, high: Limit): Rule => ({ low, high, isEqualAllowed: false });
const atMost = (low: Limit, high: Limit): Rule => ({ low, high, isEqualAllowed: true });

/** A search that may never end has no maximum. */
const search: Limit = { of: SERVICE.searchMaxMinutes, unit: MINUTE, zero: true };

const SERVICE_RULES: readonly Rule[] = [
  // A delivery that is given up before level 3 pages nobody and is never broadcast.
  below(minutes(SERVICE.escalationLevel3Minutes), search),
  below(seconds(SERVICE.offerExpirationSeconds), search),
  below(seconds(SERVICE.driverOffersTimeoutSeconds), search),
  below(seconds(SERVICE.searchBackoffMaxSeconds), search),
  // Silence: off the map, then lost; and off the map, then OFFLINE.
  atMost(seconds(SERVICE.positionFreshSeconds), seconds(SERVICE.lostSilenceSeconds)),
  below(seconds(SERVICE.positionFreshSeconds), minutes(SERVICE.positionOfflineMinutes)),
  atMost(minutes(SERVICE.lostNoProgressMinutes), minutes(SERVICE.lostDetourMinutes)),
  atMost(plain(SERVICE.escalationBonusCents), plain(SERVICE.payMaxCents)),
  // No driver is faster than the fastest.
  ...[SERVICE.bicycleSpeed, SERVICE.mopedSpeed, SERVICE.carSpeed, SERVICE.vanSpeed].map((speed) =>
    below(plain(speed), plain(SERVICE.positionFastestSpeed)),
  ),
];

const API_RULES: readonly Rule[] = [
  // An answer from the row takes a statement.
  below(plain(SERVICE.databaseStatementTimeoutMs), plain(API.answerTimeoutMs)),
  // A shutdown gives each request the time to be answered.
  atMost(plain(API.answerTimeoutMs), seconds(API.shutdownGraceSeconds)),
];

export function limitContradictions(env: Environment): string[] {
  return [...broken(env, SERVICE_RULES), ...longLapsePause(env), ...idlePollers(env)];
}

export function apiLimitContradictions(env: Environment): string[] {
  return [...broken(env, API_RULES), ...tooFewPositions(env)];
}

/** What the operator set is named first; the other side may be a default. */
function broken(env: Environment, rules: readonly Rule[]): string[] {
  return rules.flatMap(({ low, high, isEqualAllowed }) => {
    const [lower, upper] = [valueOf(env, low.of) ?? null, valueOf(env, high.of) ?? null];
    if (lower === null || upper === null || (high.zero && upper === 0)) return [];
    const difference = upper * high.unit - lower * low.unit;
    if (difference > 0 || (isEqualAllowed && difference === 0)) return [];
    return env[high.of.name] === undefined
      ? [says(low.of, lower, isEqualAllowed ? 'at most' : 'less than', high.of, upper)]
      : [says(high.of, upper, isEqualAllowed ? 'at least' : 'more than', low.of, lower)];
  });
}

function says(
  { name }: Limit['of'],
  value: number,
  rule: string,
  other: Limit['of'],
  otherValue: number,
): string {
  return `${name} is ${value}; allowed: ${rule} ${other.name}, which is ${otherValue}`;
}

function longLapsePause(env: Environment): string[] {
  if ((valueOf(env, SERVICE.lapsesBeforePause) ?? 0) === 0) return [];
  return broken(env, [atMost(minutes(SERVICE.lapsePauseMinutes), minutes(SERVICE.pauseMaxMinutes))]);
}

/** Pollers without a slot to poll for. The default of pollers gives way to fewer slots. */
function idlePollers(env: Environment): string[] {
  const pairs = [
    [SERVICE.workerWorkflowTaskPollers, SERVICE.workerWorkflowTaskSlots],
    [SERVICE.workerActivityPollers, SERVICE.workerActivitySlots],
  ] as const;
  return pairs
    .filter(([pollers]) => env[pollers.name] !== undefined)
    .flatMap(([pollers, slots]) => {
      const [polling, most] = [valueOf(env, pollers) ?? 0, valueOf(env, slots) ?? Infinity];
      return polling > most ? [says(pollers, polling, 'at most', slots, most)] : [];
    });
}

/** A driver who may send so few positions that none is fresh would leave the map between two of them. */
function tooFewPositions(env: Environment): string[] {
  const [perMinute, freshSeconds] = [
    valueOf(env, API.locationPerMinute),
    valueOf(env, SERVICE.positionFreshSeconds),
  ];
  if (perMinute === undefined || freshSeconds === undefined) return [];
  const needed = Math.ceil(60 / freshSeconds);
  return perMinute >= needed
    ? []
    : [
        `${API.locationPerMinute.name} is ${perMinute}; allowed: at least ${needed}, ` +
          `since ${SERVICE.positionFreshSeconds.name} is ${freshSeconds}`,
      ];
}

function valueOf<T>(env: Environment, { name, schema }: Variable<T>): T | undefined {
  return schema.safeParse(env[name]).data;
}

import type { FeatureSetting } from './rollout';

/**
 * The planned percentage of a rollout from a day on, until the next step. `date` is a day in UTC, as
 * `2026-12-01`; percent 0..100.
 */
export type PlanStep = { date: string; percent: number };

/**
 * The setting of a feature by ops at run time. Null: the environment decides (for `plan`: there is none). An
 * empty `cities` means all cities: to stop a feature everywhere, switch it off. ADR 9.
 */
export type FeatureOverride = {
  enabled: boolean | null;
  percent: number | null;
  cities: readonly string[] | null;
  plan: readonly PlanStep[] | null;
};

/** No setting by ops. */
export const NO_OVERRIDE: FeatureOverride = { enabled: null, percent: null, cities: null, plan: null };

/**
 * The effective setting: ops override the environment, except where the environment killed the feature. The
 * plan changes nothing by itself. docs/behaviour.md#features.
 */
export function effectiveSetting(
  environment: FeatureSetting,
  { enabled, percent, cities }: FeatureOverride,
): FeatureSetting {
  return {
    feature: environment.feature,
    state: environment.state === 'KILLED' || enabled === null ? environment.state : enabled ? 'ON' : 'OFF',
    rolloutPercent: percent ?? environment.rolloutPercent,
    cities: cities === null ? environment.cities : cities.length === 0 ? null : cities,
  };
}

/** The same override with unique, sorted cities and a plan sorted by date. */
export function ordered({ enabled, percent, cities, plan }: FeatureOverride): FeatureOverride {
  return {
    enabled,
    percent,
    cities: cities && [...new Set(cities)].sort(),
    plan:
      plan &&
      [...plan]
        .sort((a, b) => (a.date < b.date ? -1 : 1))
        .map(({ date, percent: by }) => ({ date, percent: by })),
  };
}

export function isSameOverride(one: FeatureOverride, other: FeatureOverride): boolean {
  return JSON.stringify(ordered(one)) === JSON.stringify(ordered(other));
}

/** Whether two settings of one feature decide alike for every subject. */
export function isSameSetting(one: FeatureSetting, other: FeatureSetting): boolean {
  return (
    one.state === other.state &&
    one.rolloutPercent === other.rolloutPercent &&
    isSameList(one.cities, other.cities)
  );
}

function isSameList(one: readonly string[] | null, other: readonly string[] | null): boolean {
  if (one === null || other === null) return one === other;
  return one.length === other.length && one.every((each, index) => each === other[index]);
}

/**
 * The planned percentage at an instant.
 * @param at epoch ms
 * @returns null without a plan, and before its first day
 */
export function plannedPercent(plan: readonly PlanStep[] | null, at: number): number | null {
  const today = new Date(at).toISOString().slice(0, 10);
  const begun = (plan ?? []).filter(({ date }) => date <= today);
  const latest = begun.reduce<PlanStep | null>(
    (last, step) => (last === null || step.date > last.date ? step : last),
    null,
  );
  return latest?.percent ?? null;
}

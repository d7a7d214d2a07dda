import { Counter, Gauge } from 'prom-client';
import { type FeatureName, type FeatureSetting } from '../../domain/features/rollout';

/**
 * Metrics of features, in prom-client's default registry. They show this process. A toggle is counted in the
 * process that handled it.
 */

const enabled = new Gauge({
  name: 'feature_flags_enabled',
  help: '1 if the feature is on for any share of deliveries, 0 if it is off or killed',
  labelNames: ['feature'] as const,
});
const rolloutPercent = new Gauge({
  name: 'feature_flags_rollout_percent',
  help: 'Rollout percentage of the feature while it is on',
  labelNames: ['feature'] as const,
});
const plannedPercent = new Gauge({
  name: 'feature_flags_planned_percent',
  help: 'Rollout percentage planned for today; no value without a plan',
  labelNames: ['feature'] as const,
});
const toggles = new Counter({
  name: 'feature_flag_toggles_total',
  help: 'Times that the feature was switched: by ops, or by an environment that kills it, once a process',
  labelNames: ['feature', 'action'] as const,
});

/** @param planned by the plan of today, 0..100; null = no plan */
export function showFeature(
  { feature, state, rolloutPercent: percent }: FeatureSetting,
  planned: number | null,
): void {
  enabled.set({ feature }, state === 'ON' ? 1 : 0);
  rolloutPercent.set({ feature }, percent);
  if (planned === null) plannedPercent.remove({ feature });
  else plannedPercent.set({ feature }, planned);
  // A counter that starts with its first toggle would hide it from `increase`.
  for (const action of ['enabled', 'disabled'] as const) toggles.inc({ feature, action }, 0);
}

export function countToggle(feature: FeatureName, action: 'enabled' | 'disabled'): void {
  toggles.inc({ feature, action });
}

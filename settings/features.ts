import type { Features } from '../activities/ports';
import { decideFeature, type FeatureSetting } from '../domain/rollout';

/** The features as the environment set them at the start. A feature without a setting is off (spec 7). */
export function environmentFeatures(settings: readonly FeatureSetting[]): Features {
  const byName = new Map(settings.map((setting) => [setting.feature, setting]));
  return {
    isOn(feature, subject) {
      const setting = byName.get(feature);
      return setting !== undefined && decideFeature(setting, subject).on;
    },
  };
}

/** Log lines for the start, one a feature that holds for nobody: `driver_offers disabled`. */
export function disabledFeatures(settings: readonly FeatureSetting[]): { line: string; feature: string; why: 'KILLED' | 'OFF' }[] {
  return settings.flatMap(({ feature, state }) => (state === 'ON' ? [] : [{ line: `${feature} disabled`, feature, why: state }]));
}

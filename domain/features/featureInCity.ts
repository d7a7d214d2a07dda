/** A feature as it is for one city. docs/behaviour.md#features. */

import { effectiveSetting, type FeatureOverride, NO_OVERRIDE } from './featureOverride';
import type { FeatureSetting } from './rollout';

/** A change of a feature, as it is stored. `at` is epoch ms. */
type Change = FeatureOverride & { id: bigint; at: number };

/**
 * `isOn`: for a share of the city’s deliveries at least. `since`: from when on it is as it is there, epoch ms; 0 = as
 * long as is known. `changeId`: the last change, whatever city it was for; null: there is none.
 */
export type FeatureInCity = {
  setting: FeatureSetting;
  override: FeatureOverride;
  isOn: boolean;
  since: number;
  changeId: string | null;
};

/** @param changes the newest first */
export function effectiveSince(
  environment: FeatureSetting,
  changes: readonly Change[],
  cityId: string,
): FeatureInCity {
  const [newest] = changes;
  const { enabled, percent, cities, plan } = newest ?? NO_OVERRIDE;
  const override = { enabled, percent, cities, plan };
  const setting = effectiveSetting(environment, override);
  const shareNow = shareIn(setting, cityId);
  let since = 0;
  for (const [at, change] of changes.entries()) {
    const before = changes[at + 1];
    since = change.at;
    if (shareIn(effectiveSetting(environment, before ?? NO_OVERRIDE), cityId) !== shareNow) break;
    since = 0;
  }
  return {
    setting,
    override,
    isOn: shareNow > 0,
    since,
    changeId: newest === undefined ? null : String(newest.id),
  };
}

/** The percent of the city’s deliveries for which it is on. */
function shareIn({ state, rolloutPercent, cities }: FeatureSetting, cityId: string): number {
  return state === 'ON' && (cities === null || cities.includes(cityId)) ? rolloutPercent : 0;
}

/** The setting that takes one city out. Where it was on in all cities, those made later are not among them. */
export function withoutCity(
  { setting, override }: Pick<FeatureInCity, 'setting' | 'override'>,
  { cityId, cityIds }: { cityId: string; cityIds: readonly string[] },
): FeatureOverride {
  const left = (setting.cities ?? cityIds).filter((each) => each !== cityId);
  return left.length === 0 ? { ...override, enabled: false } : { ...override, cities: left };
}

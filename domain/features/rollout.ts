/** Features, their settings and their rollout. docs/behaviour.md#features. */

/** Every feature that can be switched. */
export type FeatureName =
  'driver_offers' | 'availability_states' | 'escalation' | 'auto_reassignment' | 'eta' | 'batch_matching';

/** All features, in a fixed order. */
export const FEATURES: readonly FeatureName[] = [
  'driver_offers',
  'availability_states',
  'escalation',
  'auto_reassignment',
  'eta',
  'batch_matching',
];

/** OFF: off, but ops may switch it on. ON: on. KILLED: off, and nothing overrides it. */
export type FeatureState = 'OFF' | 'ON' | 'KILLED';

/** One feature's setting. `rolloutPercent` 0..100; `cities` null = all cities, else only these city ids. */
export type FeatureSetting = {
  feature: FeatureName;
  state: FeatureState;
  rolloutPercent: number;
  cities: readonly string[] | null;
};

/**
 * The subject of a decision: `key` is the delivery's id (for availability_states the driver's), `cityId` its
 * city.
 */
export type FeatureSubject = { cityId: string; key: string };

/** On, or why not. The why is for logs (`driver_offers disabled`) and the audit trail. */
export type FeatureDecision =
  { on: true } | { on: false; why: 'KILLED' | 'OFF' | 'CITY_NOT_LISTED' | 'OUTSIDE_ROLLOUT' };

/** The percent where none is set: driver offers start with nobody, the others with all. */
export function defaultRolloutPercent(feature: FeatureName): number {
  return feature === 'driver_offers' ? 0 : 100;
}

/**
 * The state an `ENABLE_…` variable asks for: unset or empty = OFF, `true` = ON, literal `false` = KILLED,
 * anything else null (a wrong setting).
 */
export function featureStateOf(variable: string | undefined): FeatureState | null {
  switch (variable) {
    case undefined:
    case '':
      return 'OFF';
    case 'true':
      return 'ON';
    case 'false':
      return 'KILLED';
    default:
      return null;
  }
}

/**
 * The setting that the environment gives.
 * @param percent as `…_ROLLOUT` says: 0 kills as `false` does; null = unset, and ops may raise the default
 */
export function environmentSetting(
  feature: FeatureName,
  state: FeatureState,
  percent: number | null,
  cities: readonly string[] | null,
): FeatureSetting {
  return {
    feature,
    state: percent === 0 ? 'KILLED' : state,
    rolloutPercent: percent ?? defaultRolloutPercent(feature),
    cities,
  };
}

/** Whether the feature is on for this subject. */
export function decideFeature(setting: FeatureSetting, subject: FeatureSubject): FeatureDecision {
  if (setting.state !== 'ON') return { on: false, why: setting.state };
  if (setting.cities !== null && !setting.cities.includes(subject.cityId))
    return { on: false, why: 'CITY_NOT_LISTED' };
  if (!isInRollout(setting.feature, subject.key, setting.rolloutPercent))
    return { on: false, why: 'OUTSIDE_ROLLOUT' };
  return { on: true };
}

/** True where the key's draw falls under `percent` (0..100). Raising the percent only ever adds keys. */
export function isInRollout(feature: FeatureName, key: string, percent: number): boolean {
  return rolloutDraw(feature, key) < percent;
}

/**
 * The number 0..99 that a key draws for a feature. It never changes between processes or versions: a change
 * would move live deliveries in and out of a rollout. Evenly distributed, also for keys that differ in one
 * digit; draws of two features are independent.
 */
export function rolloutDraw(feature: FeatureName, key: string): number {
  return Math.floor((mixed(fnv1a(`${feature}:${key}`)) / 2 ** 32) * 100);
}

/** FNV-1a over UTF-16 code units, 32 bits. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/** MurmurHash3's finaliser: FNV alone leaves the high bits of similar keys similar. */
function mixed(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

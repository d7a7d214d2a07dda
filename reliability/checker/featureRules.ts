import { effectiveSetting } from '../../domain/features/featureOverride';
import { decideFeature, type FeatureName, type FeatureSetting } from '../../domain/features/rollout';
import type { OpenDelivery, Snapshot } from './snapshot';

/** The features as the snapshot has them: the defaults of the environment, and what ops have switched since. */
export class Switched {
  constructor(
    private readonly defaults: readonly FeatureSetting[],
    private readonly switches: Snapshot['switches'],
  ) {}

  isOn(feature: FeatureName, { cityId, deliveryId }: Pick<OpenDelivery, 'cityId' | 'deliveryId'>): boolean {
    const setting = this.defaults.find((each) => each.feature === feature);
    if (!setting) return false;
    const switched = this.switches[feature];
    return decideFeature(switched ? effectiveSetting(setting, switched) : setting, {
      cityId,
      key: deliveryId,
    }).on;
  }

  /** When ops switched it last, in epoch ms; -Infinity = they did not. */
  switchedAt(feature: FeatureName): number {
    return this.switches[feature]?.at ?? -Infinity;
  }
}

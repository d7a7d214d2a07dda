import { describe, expect, it } from '@jest/globals';
import type { FeatureSetting } from '../../domain/rollout';
import { disabledFeatures, environmentFeatures } from '../../settings/features';

const OFFERS: FeatureSetting = { feature: 'driver_offers', state: 'ON', rolloutPercent: 100, cities: ['berlin'] };
const delivery = { cityId: 'berlin', key: '019a0000-0000-7000-8000-000000000001' };

describe('features from the environment', () => {
  it('hold for a city that is listed, and for no other', () => {
    const features = environmentFeatures([OFFERS]);
    expect(features.isOn('driver_offers', delivery)).toBe(true);
    expect(features.isOn('driver_offers', { ...delivery, cityId: 'paris' })).toBe(false);
  });

  it('are off where nothing is set', () => {
    expect(environmentFeatures([]).isOn('escalation', delivery)).toBe(false);
  });

  it('hold for about as many deliveries as the rollout says', () => {
    const features = environmentFeatures([{ ...OFFERS, rolloutPercent: 25 }]);
    const on = Array.from({ length: 2_000 }, (_, i) => features.isOn('driver_offers', { cityId: 'berlin', key: `delivery-${i}` })).filter(Boolean).length;
    expect(on / 2_000).toBeGreaterThan(0.2);
    expect(on / 2_000).toBeLessThan(0.3);
  });

  it('that are off or killed are said at the start, those that are on are not', () => {
    const lines = disabledFeatures([OFFERS, { ...OFFERS, feature: 'escalation', state: 'OFF' }, { ...OFFERS, state: 'KILLED' }]);
    expect(lines).toEqual([
      { line: 'escalation disabled', feature: 'escalation', why: 'OFF' },
      { line: 'driver_offers disabled', feature: 'driver_offers', why: 'KILLED' },
    ]);
  });
});

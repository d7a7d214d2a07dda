import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { register } from 'prom-client';
import type { LatestHealth } from '../../adapters/postgres/zoneHealthRows';
import { acceptanceOf, NO_FIGURES, type ZoneFigures } from '../../domain/zones/zoneHealth';
import { observeZones } from '../../worker/zoneMetrics';

const NORTH: LatestHealth = zone(
  'north',
  {
    openDeliveries: 7,
    freeDrivers: 2,
    waitingMaxMs: 90_000,
    acceptance15m: acceptanceOf(3, 4),
    escalationsByLevel: { 1: 2, 2: 0, 3: 1 },
  },
  'CRITICAL',
);

let reading: { rows: LatestHealth[]; times: number; isDown: boolean; warnings: string[] };
beforeEach(() => {
  reading = { rows: [NORTH, zone(null, {})], times: 0, isDown: false, warnings: [] };
  const read = async (): Promise<LatestHealth[]> => {
    reading.times++;
    if (reading.isDown) throw new Error('PostgreSQL is away');
    return reading.rows;
  };
  observeZones(read, { warn: (_facts, line) => void reading.warnings.push(line) });
});
afterEach(() => register.clear());

function zone(
  zoneId: string | null,
  figures: Partial<ZoneFigures>,
  state: LatestHealth['state'] = 'OK',
): LatestHealth {
  return { cityId: 'ams', zoneId, state, figures: { ...NO_FIGURES, ...figures } };
}

async function samples(): Promise<string[]> {
  return (await register.metrics()).split('\n').filter((line) => /^(zone|driver_offer)_/.test(line));
}

it('shows each zone as last computed, with one read', async () => {
  expect(await samples()).toEqual([
    'zone_open_deliveries{city="ams",zone="north"} 7',
    'zone_open_deliveries{city="ams",zone="none"} 0',
    'zone_free_drivers{city="ams",zone="north"} 2',
    'zone_free_drivers{city="ams",zone="none"} 0',
    'zone_waiting_max_seconds{city="ams",zone="north"} 90',
    'zone_waiting_max_seconds{city="ams",zone="none"} 0',
    'zone_acceptance_ratio{city="ams",zone="north"} 0.75',
    'zone_state{city="ams",zone="north"} 2',
    'zone_state{city="ams",zone="none"} 0',
    ...['north', 'none'].flatMap((of) =>
      [1, 2, 3].map(
        (level) =>
          `zone_escalations{city="ams",zone="${of}",level="${level}"} ${of === 'north' ? [2, 0, 1][level - 1] : 0}`,
      ),
    ),
    'driver_offer_acceptance_ratio 0.75',
  ]);
  expect(reading.times).toBe(1);
});

it('drops zones that vanished, and all zones while nothing can be read', async () => {
  await samples();
  reading.rows = [zone(null, {})];
  expect((await samples()).filter((line) => line.includes('north'))).toEqual([]);
  reading.isDown = true;
  expect(await samples()).toEqual(['driver_offer_acceptance_ratio Nan']);
  expect(reading.warnings).toHaveLength(1);
});

import { Gauge } from 'prom-client';
import type { LatestHealth } from '../adapters/postgres/zoneHealthRows';
import { ZONE_STATES } from '../domain/zones/zoneHealth';
import { sharedWhileRunning } from './readGauge';

type Warn = { warn: (facts: object, line: string) => void };

const NO_ZONE = 'none';

/**
 * Exposes the newest health of every zone. It is read from PostgreSQL at each scrape, so that all workers
 * report the same whichever computed it, and a deleted zone disappears.
 * @param read the newest rows of each city that was computed lately
 */
export function observeZones(read: () => Promise<LatestHealth[]>, log: Warn): void {
  const latest = sharedWhileRunning(() =>
    read().catch((err: unknown): LatestHealth[] => {
      log.warn({ err }, 'zone health could not be read for the metrics');
      return [];
    }),
  );
  ofZones('zone_open_deliveries', 'Open deliveries by zone', latest, ({ openDeliveries }) => openDeliveries);
  ofZones(
    'zone_free_drivers',
    'AVAILABLE drivers with a fresh place in the zone',
    latest,
    ({ freeDrivers }) => freeDrivers,
  );
  ofZones(
    'zone_waiting_max_seconds',
    'The longest unassigned time of what is searched for in the zone now',
    latest,
    ({ waitingMaxMs }) => waitingMaxMs / 1_000,
  );
  ofZones(
    'zone_acceptance_ratio',
    'Accepted of the answered offers of the last 15 minutes; missing where none was answered',
    latest,
    ({ acceptance15m }) => acceptance15m.rate,
  );
  ofZones('zone_state', 'How the zone fares: 0 ok, 1 strained, 2 critical', latest, (_figures, state) =>
    ZONE_STATES.indexOf(state),
  );
  ofLevels(latest);
  ofAll(latest);
}

function ofZones(
  name: string,
  help: string,
  latest: () => Promise<LatestHealth[]>,
  value: (figures: LatestHealth['figures'], state: LatestHealth['state']) => number | null,
): void {
  new Gauge({
    name,
    help,
    labelNames: ['city', 'zone'] as const,
    async collect() {
      const rows = await latest();
      this.reset();
      for (const { cityId, zoneId, figures, state } of rows) {
        const now = value(figures, state);
        if (now !== null) this.set({ city: cityId, zone: zoneId ?? NO_ZONE }, now);
      }
    },
  });
}

function ofLevels(latest: () => Promise<LatestHealth[]>): void {
  new Gauge({
    name: 'zone_escalations',
    help: 'Deliveries being searched for, by zone and escalation level',
    labelNames: ['city', 'zone', 'level'] as const,
    async collect() {
      const rows = await latest();
      this.reset();
      for (const {
        cityId,
        zoneId,
        figures: { escalationsByLevel },
      } of rows) {
        for (const level of [1, 2, 3] as const)
          this.set({ city: cityId, zone: zoneId ?? NO_ZONE, level }, escalationsByLevel[level]);
      }
    },
  });
}

function ofAll(latest: () => Promise<LatestHealth[]>): void {
  new Gauge({
    name: 'driver_offer_acceptance_ratio',
    help: 'Share of accepted offers among those answered in the last 15 minutes; NaN if none was answered',
    async collect() {
      const rates = (await latest()).map(({ figures }) => figures.acceptance15m);
      const sum = (of: 'accepted' | 'answered'): number => rates.reduce((total, rate) => total + rate[of], 0);
      this.set(sum('answered') === 0 ? NaN : sum('accepted') / sum('answered'));
    },
  });
}

import { Counter, Gauge } from 'prom-client';

/** Metrics of lost-driver detection, in prom-client's default registry. */

export const lossesDetected = new Counter({
  name: 'lost_drivers_noticed_total',
  help: 'Drivers marked as lost because they were silent or made no progress to the pickup',
  labelNames: ['why'] as const,
});

export const lossesWithheld = new Counter({
  name: 'losses_withheld_total',
  help: 'Losses withheld because position ingest seemed to be down in the city',
  labelNames: ['city'] as const,
});

export const stagesOverdue = new Counter({
  name: 'stages_overdue_total',
  help: 'Stages of deliveries that took too long, by stage and by who was told: the driver, then ops',
  labelNames: ['stage', 'told'] as const,
});

/**
 * Only the worker that swept last has current values. A worker stops showing its own after this time.
 */
const SHOWN_MS = 60_000;

let newest: { at: number; shares: ReadonlyMap<string, number> } = { at: 0, shares: new Map() };

export const citySilentShare = new Gauge({
  name: 'city_silent_share',
  help: 'Share of on-duty drivers in a city that are silent, 0 to 1, at the last sweep of this worker',
  labelNames: ['city'] as const,
  collect() {
    this.reset();
    if (Date.now() - newest.at > SHOWN_MS) return;
    for (const [city, share] of newest.shares) this.set({ city }, share);
  },
});

/** What a sweep found, by city. */
export function showSilentShares(shares: ReadonlyMap<string, number>): void {
  newest = { at: Date.now(), shares };
}

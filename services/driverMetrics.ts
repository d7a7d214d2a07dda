import { Counter } from 'prom-client';

/** Metrics about drivers, in prom-client's default registry. */

export const timedEndFailures = new Counter({
  name: 'availability_timed_end_failures_total',
  help: 'Breaks and pauses that the sweep ended because their timer had not',
});

export const mapRepairs = new Counter({
  name: 'driver_map_repairs_total',
  help: 'Differences between the live map and PostgreSQL that the sweep repaired',
  labelNames: ['kind'] as const,
});

export const positionsReceived = new Counter({
  name: 'driver_fixes_received_total',
  help: 'Driver positions received',
});

export const positionsArchived = new Counter({
  name: 'driver_fixes_archived_total',
  help: 'Driver positions archived after thinning',
});

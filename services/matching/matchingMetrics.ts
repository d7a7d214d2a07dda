import { Counter, Histogram } from 'prom-client';

/** Metrics of matching, in prom-client's default registry. */

export const rounds = new Counter({
  name: 'matching_rounds_total',
  help: 'Rounds of the matching of cities, by outcome: proposed, held, in_vain, nobody_waits, slow or failed',
  labelNames: ['outcome'] as const,
});

export const roundSeconds = new Histogram({
  name: 'matching_round_seconds',
  help: 'Duration of a round of the matching of a city: read, decide, propose',
  buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10],
});

export const barredPairs = new Counter({
  name: 'matching_barred_pairs_total',
  help: 'Pairs left out of rounds, because they were proposed again and again and the delivery did not ask the driver',
});

export const shadowRounds = new Counter({
  name: 'matching_shadow_rounds_total',
  help:
    'Rounds that a policy in shadow decided as well, by outcome: compared, nothing_offered; skipped: busy, slow, ' +
    'over_budget; or failed',
  labelNames: ['outcome'] as const,
});

export const shadowSeconds = new Histogram({
  name: 'matching_shadow_seconds',
  help: 'Processor time that a policy in shadow took for a round',
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
});

export const guardRailBreaches = new Counter({
  name: 'matching_guard_rail_breaches_total',
  help: 'Times that a guard rail switched off the matching of a city: its policy, or the feature',
  labelNames: ['rail', 'switched'] as const,
});
for (const rail of ['UNASSIGNED', 'TIME_TO_ASSIGN', 'REFUSALS', 'LATENESS', 'ROUNDS'] as const)
  for (const switched of ['policy', 'feature'] as const) guardRailBreaches.inc({ rail, switched }, 0);

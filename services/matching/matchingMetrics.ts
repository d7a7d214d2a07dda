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

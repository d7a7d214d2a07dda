import { Counter, Histogram } from 'prom-client';
import { type Entry } from '../domain/truth';

/** Metrics about deliveries, in prom-client's default registry. */

const changes = new Counter({
  name: 'dispatch_changes_total',
  help: 'Changes of deliveries, offers and availability that were written, by kind of audit entry and the state they led to',
  labelNames: ['kind', 'to'] as const,
});

/** How long an event of a delivery takes, from the look around to the commit. */
export const eventSeconds = new Histogram({
  name: 'dispatch_event_seconds',
  help: 'Duration of one event of a delivery: reading, deciding, writing',
  labelNames: ['event'] as const,
  buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 1.4],
});

/** Searches that could find nobody, since the live map gave no answer. */
export const searchesWithoutMap = new Counter({ name: 'searches_without_map_total', help: 'Searches for a driver that the live map did not answer' });

/** Counts what was written; call after the commit. */
export function countChanges(entries: readonly Entry[]): void {
  for (const { kind, to } of entries) changes.inc({ kind, to: to ?? '' });
}

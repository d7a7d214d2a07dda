import { Counter, Histogram } from 'prom-client';
import { isBeforePickup } from '../../domain/delivery/status';
import { type AssignmentFacts, type Entry, type DeliveryState } from '../../domain/delivery/deliveryState';

/** Metrics of deliveries, in prom-client's default registry. */

const changes = new Counter({
  name: 'dispatch_changes_total',
  help: 'Committed changes of deliveries, offers and availability, by audit entry kind and resulting state',
  labelNames: ['kind', 'to'] as const,
});

/** The duration of a delivery event, from the search to the commit. */
export const eventSeconds = new Histogram({
  name: 'dispatch_event_seconds',
  help: 'Duration of one delivery event: read, decide, write',
  labelNames: ['event'] as const,
  buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 1.4],
});

const searches = new Counter({
  name: 'driver_searches_total',
  help: 'Searches of a delivery for a driver, by result: found, nobody, no_map (it was unavailable), or scarce',
  labelNames: ['result'] as const,
});

/** Counts a search that was made. A search that is tried again counts again. */
export function countSearch({
  inconclusive,
  ranking: { ranked },
}: {
  inconclusive: 'MAP_AWAY' | 'SCARCE' | 'MATCHED' | null;
  ranking: { ranked: readonly unknown[] };
}): void {
  switch (inconclusive) {
    case 'MAP_AWAY':
      return searches.inc({ result: 'no_map' });
    case 'SCARCE':
      return searches.inc({ result: 'scarce' });
    case 'MATCHED':
      return; // none was made
    case null:
      return searches.inc({ result: ranked.length === 0 ? 'nobody' : 'found' });
  }
}

/** Searches without a result because the live map was unavailable. */
export const searchesWithoutMap = new Counter({
  name: 'searches_without_map_total',
  help: 'Driver searches that failed because the live map was unavailable',
});

/** Searches of deliveries for which no round of their city's matching came in time. */
export const netSearches = new Counter({
  name: 'matching_net_searches_total',
  help: 'Searches of deliveries for which no round of matching came in time, by reason: no_round_ever, rounds_stopped',
  labelNames: ['reason'] as const,
});

/** Counts the written changes. Call it after the commit. */
export function countChanges(entries: readonly Entry[]): void {
  for (const { kind, to } of entries) changes.inc({ kind, to: to ?? '' });
}

const losses = new Counter({
  name: 'driver_losses_total',
  help: 'Drivers lost before pickup, by cause',
  labelNames: ['cause'] as const,
});

const reassignments = new Counter({
  name: 'reassignments_total',
  help: 'Outcomes of deliveries that lost their driver: reassigned, cancelled or no driver found',
  labelNames: ['result'] as const,
});

const reassignmentOfferSeconds = new Histogram({
  name: 'reassignment_offer_seconds',
  help: 'Time from the detection of a lost driver to the next offer or assignment',
  buckets: [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 60, 300],
});

/**
 * Counts what an event means for a delivery that loses, or has lost, its driver
 * (docs/behaviour.md#reassignment). Call it after the commit. `now` is epoch ms.
 */
export function observeReassignment(before: DeliveryState, next: DeliveryState, now: number): void {
  const [was, is] = [before.delivery, next.delivery];
  if (is.losses > was.losses) losses.inc({ cause: causeOf(next.assignments) });
  if (was.lostAt === null) return;
  const isFirstSince = was.statusSince === was.lostAt; // nothing was tried between
  const isByItself = was.heldReason === null; // what waited for ops took as long as they did
  if (isFirstSince && isByItself && (is.status === 'OFFERED' || is.status === 'ASSIGNED'))
    reassignmentOfferSeconds.observe(Math.max(0, now - was.lostAt) / 1_000);
  if (is.lostAt === null) reassignments.inc({ result: 'reassigned' });
  else if (is.closedAt !== null && isBeforePickup(was.status))
    reassignments.inc({ result: is.reasonCode === 'NO_DRIVER' ? 'nobody_found' : 'cancelled' });
}

const CAUSES: readonly string[] = [
  'RESCUED',
  'FELL_SILENT',
  'NO_PROGRESS',
  'WENT_OFFLINE',
  'SHIFT_ENDED',
  'VEHICLE_BREAKDOWN',
  'EMERGENCY',
  'TOO_FAR',
];

/** A label must not contain free text. */
function causeOf(assignments: readonly AssignmentFacts[]): string {
  const [last] = [...assignments]
    .filter(({ state }) => state === 'LOST')
    .sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0));
  const why = last?.endReason ?? '';
  return CAUSES.includes(why) ? why : 'OTHER';
}

import type { DeliveryStatus } from '../../domain/delivery/status';
import type { OfferState } from '../../domain/delivery/offer';
import { medianOf, percentileOf } from '../client/latencies';
import { lostAcknowledgements, type Acknowledged } from '../people/ledger';
import type { RecordedDelivery, RecordedDriver } from './record';

/** All evidence of a run: from the clients and from the service. */
export type RunEvidence = {
  acknowledged: readonly Acknowledged[];
  deliveries: readonly RecordedDelivery[];
  drivers: readonly RecordedDriver[];
  /** Ids on the live map. */
  onMap: readonly string[];
  /** When each order was sent, and when each offer reached its driver; epoch ms by id. */
  sentAt: ReadonlyMap<string, number>;
  offerArrivals: ReadonlyMap<string, number>;
  /** Event count and result of each delivery's Temporal run, by delivery id. */
  histories: ReadonlyMap<string, { events: number; result: string }>;
};

/**
 * The figures of a run, in ms or counts. The last line of `npm run demo` shows the same keys.
 * null: nothing to count.
 */
export type Figures = {
  deliveries: number;
  delivered: number;
  cancelled: number;
  returned: number;
  failed: number;
  open: number;
  offers: number;
  accepted: number;
  rejected: number;
  expired: number;
  withdrawn: number;
  assignedWithoutOffer: number;
  offerP50Ms: number | null;
  offerP99Ms: number | null;
  historyEventsMedian: number | null;
  historyEventsMax: number | null;
  lostAcks: number;
  heldDrivers: number;
  mapDifference: number;
  workflowsThatDiffer: number;
};

/** @returns the figures, and the problems as sentences */
export function figuresOf(evidence: RunEvidence): { figures: Figures; problems: string[] } {
  const { deliveries, histories } = evidence;
  const lost = lostAcknowledgements(evidence.acknowledged, deliveries);
  const held = heldDrivers(evidence);
  const map = mapDifference(evidence);
  const differing = workflowsThatDiffer(evidence);
  const open = deliveries.filter(({ closedAt }) => closedAt === null);
  const latencies = offerLatencies(evidence);
  const events = [...histories.values()].map((history) => history.events);
  const figures: Figures = {
    deliveries: deliveries.length,
    ...statusCounts(deliveries),
    open: open.length,
    ...offerCounts(deliveries),
    offerP50Ms: percentileOf(latencies, 50),
    offerP99Ms: percentileOf(latencies, 99),
    historyEventsMedian: medianOf(events),
    historyEventsMax: percentileOf(events, 100),
    lostAcks: lost.length,
    heldDrivers: held.length,
    mapDifference: map.length,
    workflowsThatDiffer: differing.length,
  };
  return {
    figures,
    problems: [
      ...open.map(({ deliveryId, status }) => `delivery ${deliveryId} has not ended: ${status}`),
      ...lost,
      ...held,
      ...map,
      ...differing,
    ],
  };
}

function statusCounts(
  deliveries: readonly RecordedDelivery[],
): Pick<Figures, 'delivered' | 'cancelled' | 'returned' | 'failed'> {
  const count = (status: DeliveryStatus): number =>
    deliveries.filter((delivery) => delivery.status === status).length;
  return {
    delivered: count('DELIVERED'),
    cancelled: count('CANCELLED'),
    returned: count('RETURNED'),
    failed: count('FAILED'),
  };
}

function offerCounts(
  deliveries: readonly RecordedDelivery[],
): Pick<Figures, 'offers' | 'accepted' | 'rejected' | 'expired' | 'withdrawn' | 'assignedWithoutOffer'> {
  const offers = deliveries.flatMap((delivery) => delivery.offers);
  const count = (state: OfferState): number => offers.filter((offer) => offer.state === state).length;
  const assignedWithoutOffer = deliveries
    .flatMap(({ assignments }) => assignments)
    .filter(({ way }) => way === 'V1').length;
  return {
    offers: offers.length,
    accepted: count('ACCEPTED'),
    rejected: count('REJECTED'),
    expired: count('EXPIRED'),
    withdrawn: count('WITHDRAWN'),
    assignedWithoutOffer,
  };
}

/**
 * Time from the search's start, or the end of the last offer or assignment, to the offer at the driver's
 * socket (docs/behaviour.md#offers). Offers after a search round without a driver are left out: they waited
 * for a driver, not for the service.
 */
export function offerLatencies({
  deliveries,
  sentAt,
  offerArrivals,
}: Pick<RunEvidence, 'deliveries' | 'sentAt' | 'offerArrivals'>): number[] {
  return deliveries.flatMap((delivery) => {
    const startedAt = Math.max(delivery.searchAt, sentAt.get(delivery.deliveryId) ?? delivery.createdAt);
    return delivery.offers.flatMap(({ offerId, round, createdAt }) => {
      const arrivedAt = offerArrivals.get(offerId);
      const ends = [...delivery.offers, ...delivery.assignments].flatMap(({ endedAt }) =>
        endedAt !== null && endedAt <= createdAt ? [endedAt] : [],
      );
      return arrivedAt === undefined || round > 0
        ? []
        : [Math.max(0, arrivedAt - Math.max(startedAt, ...ends))];
    });
  });
}

/** Drivers with an offer or assignment, or BUSY, although every delivery of the run has ended. */
function heldDrivers({ drivers, deliveries }: RunEvidence): string[] {
  const live = new Set(
    deliveries
      .filter(({ closedAt }) => closedAt === null)
      .flatMap(({ offers, assignments }) => [...offers, ...assignments].map(({ driverId }) => driverId)),
  );
  return drivers
    .filter(
      ({ driverId, liveOffers, activeAssignments, availability }) =>
        !live.has(driverId) && (liveOffers + activeAssignments > 0 || availability === 'BUSY'),
    )
    .map(
      ({ driverId, liveOffers, activeAssignments, availability }) =>
        `driver ${driverId} is held: ${availability}, ${liveOffers} live offers, ${activeAssignments} assignments`,
    );
}

/**
 * `drivers:geo` holds exactly the AVAILABLE drivers with a fresh position (docs/behaviour.md#positions). All
 * drivers of a run send positions.
 */
function mapDifference({ drivers, onMap }: RunEvidence): string[] {
  const shown = new Set(onMap);
  return drivers
    .filter(({ driverId, availability }) => (availability === 'AVAILABLE') !== shown.has(driverId))
    .map(
      ({ driverId, availability }) =>
        `driver ${driverId} is ${availability}, but ${shown.has(driverId) ? 'on' : 'not on'} the map`,
    );
}

function workflowsThatDiffer({ deliveries, histories }: RunEvidence): string[] {
  return deliveries.flatMap(({ deliveryId, status, closedAt }) => {
    const result = histories.get(deliveryId)?.result ?? 'none';
    const wanted = closedAt === null ? 'running' : status;
    return result === wanted ? [] : [`the workflow of delivery ${deliveryId} is ${result}, not ${wanted}`];
  });
}

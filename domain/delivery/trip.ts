/**
 * One offer for several deliveries: made, taken and ended as a whole, while each delivery keeps its own row, offer
 * and workflow. docs/behaviour.md#trips; ADR 55.
 */

import { takesWork } from '../driver/availability';
import { answersTrips } from '../matching/candidate';
import { type OfferTrip } from '../notices/realtimeEvents';
import { decide } from './decide';
import { type DecisionContext } from './decisionContext';
import { type Decision, type DeliveryState } from './deliveryState';
import { type DeliveryEvent, type EventOf, type IncomingEvent } from './events';
import { liveMates, MAX_TRIP_SEATS, type OfferFacts } from './offer';
import { isSearching } from './waiting';

/** One delivery as it was read under lock, what happens to it, and in what context. */
export type TripPart<Event extends DeliveryEvent = DeliveryEvent> = {
  state: DeliveryState;
  event: Event;
  context: DecisionContext;
};

/** The decision about one delivery, and the state that it follows: with its driver as the parts before left them. */
export type TripDecision = { before: DeliveryState; decision: Decision };

/** What the driver is shown of a trip of these deliveries, in this order. */
export type ShowTrip = (deliveryIds: readonly string[]) => Omit<OfferTrip, 'tripId'>;

/** An accept, and the offers that it takes besides the one it names, in the order of their seats. */
export type AcceptOfTrip = { accept: EventOf<'acceptOffer'>; others: readonly OfferFacts[] };

/** The event as an accept of a whole trip; null where it is none. */
export function acceptOfTrip(
  { offers }: DeliveryState,
  event: DeliveryEvent | IncomingEvent,
): AcceptOfTrip | null {
  if (event.kind !== 'acceptOffer') return null;
  const named = offers.find(({ offerId }) => offerId === event.offerId);
  const others = named?.state === 'LIVE' ? bySeat(liveMates(offers, named)) : [];
  return others.length > 0 ? { accept: event, others } : null;
}

function bySeat(offers: readonly OfferFacts[]): OfferFacts[] {
  return [...offers].sort((a, b) => (a.trip?.seat ?? 0) - (b.trip?.seat ?? 0));
}

/**
 * An accept takes the offers of all parts, or of none. Where the rules refuse the first, the others are left.
 * @throws where one of the others cannot be taken
 */
export function takeTrip([first, ...others]: readonly TripPart<EventOf<'acceptOffer'>>[]): TripDecision[] {
  if (!first) return [];
  const together = [first, ...others].map(({ state }) => state.delivery.deliveryId);
  const taken = decideOne(first, together);
  if (taken.decision.newAssignment === null) return [taken];
  const decisions = decideOthers(taken, others, together);
  for (const { decision } of decisions)
    if (decision.newAssignment === null) throw new Error('a trip cannot be taken as a whole');
  return decisions;
}

type Looking = TripPart<EventOf<'lookForDriver'>>;

/**
 * Offers the first delivery to its driver, with those of the others that can go along. Those that cannot are left, and
 * where none can, the first is offered alone.
 */
export function offerTrip(
  [first, ...others]: readonly Looking[],
  { newTripId, show }: { newTripId: () => string; show: ShowTrip },
): TripDecision[] {
  if (!first) return [];
  const along = whoGoAlong(first, others);
  if (along.length === 0) return [decideOne(first, [])];
  const tripId = newTripId();
  const parts = seated([first, ...along], { tripId, show });
  const together = parts.map(({ state }) => state.delivery.deliveryId);
  const [lead, ...rest] = parts;
  if (!lead) return [];
  const offered = decideOne(lead, together);
  if (!offersOf(offered.decision).some(({ trip }) => trip?.tripId === tripId)) return [offered];
  const decisions = decideOthers(offered, rest, together);
  for (const { decision } of decisions)
    if (!offersOf(decision).some(({ trip }) => trip?.tripId === tripId))
      throw new Error('a trip cannot be offered as a whole');
  return decisions;
}

function offersOf({ next, newOffers }: Decision): OfferFacts[] {
  return next.offers.filter(({ offerId }) => newOffers.some((made) => made.offerId === offerId));
}

/** Those that wait for a driver, as many as the driver of the first has room for. */
function whoGoAlong({ state, event: { search } }: Looking, others: readonly Looking[]): Looking[] {
  const [chosen, ...more] = search.chosen;
  const driver = chosen && state.drivers[chosen.driverId];
  if (!driver || more.length > 0 || !takesWork(driver) || !answersTrips(driver.offerVersion)) return [];
  const room = driver.capacity - driver.liveOffers - driver.activeAssignments;
  return others
    .filter((other) => goesAlong(other, driver.driverId))
    .slice(0, Math.min(room, MAX_TRIP_SEATS) - 1);
}

function goesAlong({ state: { delivery }, event: { search } }: Looking, driverId: string): boolean {
  return (
    isSearching(delivery) && search.offersOn && search.chosen.some((chosen) => chosen.driverId === driverId)
  );
}

/** Their offers end at the same time, and the first one shows all. */
function seated(
  parts: readonly Looking[],
  { tripId, show }: { tripId: string; show: ShowTrip },
): readonly Looking[] {
  const ttlMs = Math.min(...parts.map(({ event: { search } }) => search.ttlMs));
  const shown = { tripId, ...show(parts.map(({ state }) => state.delivery.deliveryId)) };
  return parts.map(({ event, ...part }, seat) => {
    const chosen = event.search.chosen.map((each) =>
      seat === 0 ? { ...each, payload: { ...each.payload, trip: shown } } : each,
    );
    return {
      ...part,
      event: { ...event, search: { ...event.search, chosen, ttlMs }, trip: { tripId, seat } },
    };
  });
}

function decideOne({ state, event, context }: TripPart, together: readonly string[]): TripDecision {
  return { before: state, decision: decide(state, event, { ...context, together }) };
}

/** Decides one after the other. Each finds the drivers as those before left them, and its workflow reads its row. */
function decideOthers(
  first: TripDecision,
  others: readonly TripPart[],
  together: readonly string[],
): TripDecision[] {
  const decided = [first];
  let { drivers } = first.decision.next;
  for (const { state, event, context } of others) {
    const seen = { ...state, drivers: { ...state.drivers, ...drivers } };
    const { before, decision } = decideOne({ state: seen, event, context }, together);
    drivers = decision.next.drivers;
    decided.push({ before, decision: withNews(decision) });
  }
  return decided;
}

function withNews(decision: Decision): Decision {
  const { deliveryId } = decision.next.delivery;
  const offer = decision.next.offers.find((each) => each.deliveryId === deliveryId && each.trip !== null);
  if (!offer) return decision;
  const { offerId } = offer;
  return { ...decision, messages: [...decision.messages, { kind: 'offerWithdrawn', deliveryId, offerId }] };
}

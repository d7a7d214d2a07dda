import { type DeliveryState } from '../../domain/delivery/deliveryState';
import { type DecisionContext } from '../../domain/delivery/decisionContext';
import { type EventOf, type IncomingEvent, type Proposal, rowsNamedBy } from '../../domain/delivery/events';
import { type AcceptOfTrip, offerTrip, takeTrip, type TripDecision } from '../../domain/delivery/trip';
import { type Clock } from '../ports';
import { ImpossibleEvent, possible } from '../impossibleEvent';
import { type DeliveryStore, type PartRead, type WrittenPart } from './deliveryStore';
import { type DriverSearchDeps, outcomeOf, pickOf, searchDrivers, type SearchResult } from './driverSearch';
import { shownTrip } from './shownTrip';

export type TripDeps = DriverSearchDeps & { store: DeliveryStore; newId: () => string; clock: Clock };

/** One attempt at an event. `check` throws where the workflow has given it up: it must write nothing then. */
export type Attempt<Event extends IncomingEvent> = {
  deliveryId: string;
  correlationId: string;
  event: Event;
  now: number;
  check: () => void;
  contextOf: (state: DeliveryState) => DecisionContext;
};

type Looking = Extract<IncomingEvent, { kind: 'lookForDriver' }>;

/** A search of one delivery for the proposed driver. */
type Searched = { deliveryId: string; search: SearchResult };

/**
 * Offers the delivery and those proposed along with it to one driver, in one transaction (ADR 55).
 * @param search for the delivery itself
 * @returns null where none of the others can go along
 */
export async function offerTogether(
  deps: TripDeps,
  attempt: Attempt<Looking>,
  search: SearchResult,
): Promise<readonly WrittenPart[] | null> {
  const { deliveryId, event, now, correlationId, check, contextOf } = attempt;
  const { proposal } = event;
  if (!proposal || !mayBeAsked(search)) return null;
  const along = await searchAlong(deps, proposal, now);
  if (along.length === 0) return null;
  const searched: Searched[] = [{ deliveryId, search }, ...along];
  const parts = searched.map((each, at) => ({
    deliveryId: each.deliveryId,
    touched: { ...rowsNamedBy(event), ...(at === 0 ? pickOf(deps, search) : PICK_NOBODY) },
  }));
  const eventOf = (each: Searched, picked: readonly string[]): EventOf<'lookForDriver'> => ({
    ...event,
    search: outcomeOf(deps, each.search, picked),
  });
  const make = (read: readonly PartRead[]): TripDecision[] => {
    check();
    return possible(() =>
      offerTrip(
        searched.flatMap((each, at) => {
          const { state, picked } = read[at] ?? {};
          return state ? [{ state, event: eventOf(each, picked ?? []), context: contextOf(state) }] : [];
        }),
        { newTripId: deps.newId, show: (ids) => shownTrip(deps, searched, ids, now) },
      ),
    );
  };
  return deps.store.changeTogether(parts, make, now, correlationId);
}

const PICK_NOBODY = { pickFrom: [], pickAtMost: 0 };

/** Those of the others for which the driver can be asked, too. */
async function searchAlong(
  deps: TripDeps,
  { along = [], ...proposal }: Proposal,
  now: number,
): Promise<Searched[]> {
  const searched = await Promise.all(
    along.map(async (deliveryId) => ({
      deliveryId,
      search: await searchOne(deps, deliveryId, proposal, now),
    })),
  );
  return searched.flatMap(({ deliveryId, search }) => {
    return search && mayBeAsked(search) ? [{ deliveryId, search }] : [];
  });
}

/** Whether the proposed driver may be. Where matching has been switched off meanwhile, the search was for anybody. */
function mayBeAsked({ proposal, ranking }: SearchResult): boolean {
  return proposal !== undefined && ranking.ranked.length > 0;
}

/** Null where there is nothing to search for. */
async function searchOne(
  deps: TripDeps,
  deliveryId: string,
  proposal: Proposal,
  now: number,
): Promise<SearchResult | null> {
  try {
    return await searchDrivers(deps, deliveryId, now, proposal);
  } catch (error) {
    if (error instanceof ImpossibleEvent) return null;
    throw error;
  }
}

/** The accept is of an offer of a trip: its other deliveries are taken in the same transaction, or none is. */
export class TakesTogether extends Error {
  constructor(readonly trip: AcceptOfTrip) {
    super('the offer is of a trip');
  }
}

/** Accepts all offers of the trip, in one transaction (ADR 55). */
export async function takeTogether(
  { store }: Pick<TripDeps, 'store'>,
  { deliveryId, correlationId, now, check, contextOf }: Attempt<IncomingEvent>,
  { accept: event, others }: AcceptOfTrip,
): Promise<readonly WrittenPart[]> {
  const offers = [{ deliveryId, offerId: event.offerId }, ...others];
  const accepts = offers.map(({ offerId }) => ({ ...event, offerId }));
  const parts = offers.map((each, at) => ({
    deliveryId: each.deliveryId,
    touched: { ...rowsNamedBy(accepts[at] ?? event), ...PICK_NOBODY },
  }));
  const make = (read: readonly PartRead[]): TripDecision[] => {
    check();
    return possible(() =>
      takeTrip(
        accepts.flatMap((accept, at) => {
          const state = read[at]?.state;
          return state ? [{ state, event: accept, context: contextOf(state) }] : [];
        }),
      ),
    );
  };
  return store.changeTogether(parts, make, now, correlationId);
}

import { endsDuty, type LeaveReason } from '../driver/loss';
import { type Chosen, type Meeting } from './deliveryState';
import { type ChangeRequest } from '../orders/orderChange';
import { type RejectReason, type TripSeat } from './offer';
import { type ScorePart } from '../matching/round';
import { type Actor, type ReasonCode, type Step } from './status';

/**
 * The events of a delivery. They refer to offers, assignments and steps by business keys, so that a repeated event
 * finds the result of the first. ADR 2.
 */
export type DeliveryEvent =
  /** A search is due, a driver came free and woke it, or the city's matching proposes a driver. */
  | {
      kind: 'lookForDriver';
      search: SearchOutcome;
      freed: FreedDriver | null;
      proposal?: Proposal;
      /** The offer that the search leads to is one of a trip. */
      trip?: TripSeat | null;
    }
  | { kind: 'lapseOffer'; offerId: string }
  | { kind: 'giveUpSearch' }
  /** A level, or another page and broadcast, is due while no search runs: an offer is live, or ops decide. */
  | { kind: 'escalate' }
  | { kind: 'acceptOffer'; offerId: string; driverId: string }
  | { kind: 'rejectOffer'; offerId: string; driverId: string; reason: RejectReason }
  | { kind: 'takeStep'; step: Step; by: Actor; deviceAt: number | null }
  | { kind: 'failDelivery'; by: Actor; reason: ReasonCode; goods: 'RETURN' | 'LOST' }
  | { kind: 'cancelDelivery'; by: Actor; reason: ReasonCode; onlyWaiting?: boolean }
  | { kind: 'assignDriver'; driverId: string; by: Actor; override: boolean; why: string }
  | { kind: 'handOver'; driverId: string; by: Actor; override: boolean; meeting: Meeting | null; why: string }
  | { kind: 'leaveDelivery'; driverId: string; assignmentId: string; reason: LeaveReason }
  | {
      kind: 'rescueDelivery';
      driverId: string;
      offerId: string | null;
      assignmentId: string | null;
      by: Actor;
      why: string;
    }
  /** `bonusCents` is the new total bonus, not the difference. `onlyWaiting`: unless a driver has it by then. */
  | { kind: 'raisePay'; bonusCents: number; by: Actor; why: string; onlyWaiting?: boolean }
  | { kind: 'resumeSearch'; by: Actor; why: string }
  /** Ops let the searches of its zone or city reach at least so far, for a time. */
  | { kind: 'searchFarther'; radiusMeters: number; by: Actor; why: string }
  /** `request` null = no change of this id was kept. */
  | { kind: 'changeOrder'; changeId: string; by: Actor; request: ChangeRequest | null }
  /** The driver can no longer take the named offer, or carry out the named assignment. */
  | {
      kind: 'releaseDriver';
      driverId: string;
      offerId: string | null;
      assignmentId: string | null;
      why: string;
    }
  /** Something else changed the row: read it again. */
  | { kind: 'readDelivery' };

/** The event of one kind. */
export type EventOf<K extends DeliveryEvent['kind']> = Extract<DeliveryEvent, { kind: K }>;

/**
 * An event as received, before the data that its rule needs is read: nearby drivers, the meeting point, and the
 * change of an order. Places and contacts stay in the database, so that none appears in a workflow history.
 */
export type IncomingEvent =
  | Exclude<DeliveryEvent, { kind: 'lookForDriver' | 'handOver' | 'changeOrder' }>
  | Omit<EventOf<'lookForDriver'>, 'search' | 'trip'>
  | (Omit<EventOf<'handOver'>, 'meeting'> & { meetingId: string | null })
  | Omit<EventOf<'changeOrder'>, 'request'>;

/** Events that are not commands, each with the part of the service that causes it. */
export const AUTOMATIC_EVENTS = {
  lookForDriver: 'search',
  lapseOffer: 'offer-lapse',
  giveUpSearch: 'search-limit',
  escalate: 'escalation',
  releaseDriver: 'driver-left',
  readDelivery: 'repair',
} as const satisfies Partial<Record<DeliveryEvent['kind'], string>>;

export type AutomaticKind = keyof typeof AUTOMATIC_EVENTS;

/** An event that a caller requests and gets an answer to. */
export type CommandEvent = Exclude<IncomingEvent, { kind: AutomaticKind }>;

/** The actor of an event: the named one, or the part of the service that causes it. */
export function actorOf(event: IncomingEvent): Actor {
  if (isAutomatic(event)) return { kind: 'system', id: AUTOMATIC_EVENTS[event.kind] };
  return 'by' in event ? event.by : { kind: 'driver', id: event.driverId };
}

function isAutomatic(event: IncomingEvent): event is Exclude<IncomingEvent, CommandEvent> {
  return event.kind in AUTOMATIC_EVENTS;
}

/** The rows that the rule reads in addition to those of the delivery: offers, drivers, the change of an order. */
export function rowsNamedBy(event: IncomingEvent | DeliveryEvent): {
  offerIds: string[];
  driverIds: string[];
  changeId: string | null;
} {
  const driverId = driverNamedBy(event);
  return {
    offerIds: 'offerId' in event && event.offerId !== null ? [event.offerId] : [],
    driverIds: driverId === null ? [] : [driverId],
    changeId: 'changeId' in event ? event.changeId : null,
  };
}

/** Who gets the delivery by hand, who acts in their app, or who is lost: with their other offers. */
function driverNamedBy(event: IncomingEvent | DeliveryEvent): string | null {
  switch (event.kind) {
    case 'assignDriver':
    case 'handOver':
    case 'releaseDriver':
      return event.driverId;
    default:
      return actingDriverOf(event);
  }
}

/** The driver whose act in their app the event is; null = nobody's. A driver who cannot go on does not come back. */
export function actingDriverOf(event: IncomingEvent | DeliveryEvent): string | null {
  switch (event.kind) {
    case 'acceptOffer':
    case 'rejectOffer':
      return event.driverId;
    case 'leaveDelivery':
      return endsDuty(event.reason) ? null : event.driverId;
    case 'takeStep':
    case 'failDelivery':
      return event.by.kind === 'driver' ? event.by.id : null;
    default:
      return null;
  }
}

/** The result of a search: the best drivers who could be locked, or why there are none. */
export type SearchOutcome = {
  /** Best first. More than one only for a wave of a broadcast. */
  chosen: readonly Chosen[];
  /** Whether the search was for a wave of a broadcast. */
  isBroadcast: boolean;
  /** Whether the running broadcast has asked every driver it may ask. */
  isBroadcastOver: boolean;
  /** Why nobody was chosen, where that does not mean that nobody is there. */
  inconclusive: Inconclusive | null;
  /** Whether drivers are asked at all. If not, the nearest one is assigned, as in v1. */
  offersOn: boolean;
  /** How long the offers of this search are live, in ms. */
  ttlMs: number;
  /** When (epoch ms) the first exclusion ends by itself; null = none does. */
  exclusionEndsAt: number | null;
};

/**
 * CONTENDED: other deliveries were taking every candidate. MAP_AWAY: the live map did not answer. NOT_MADE: the
 * delivery was not searching when the search would have run. SCARCE: more deliveries want the drivers than there are.
 * MATCHED: rounds of the city's matching come.
 */
export type Inconclusive = 'CONTENDED' | 'MAP_AWAY' | 'NOT_MADE' | 'SCARCE' | 'MATCHED';

/** The driver whom a round of the city's matching chose, and what spoke for them. docs/behaviour.md#matching. */
export type Proposal = {
  driverId: string;
  roundId: string;
  parts: readonly ScorePart[];
  /** The deliveries that the driver is to take with this one, in the order of their dropoffs. */
  along?: readonly string[];
};

/** The driver who came free and woke this search, and the deliveries that were woken before and passed. */
export type FreedDriver = { driverId: string; passed: readonly string[] };

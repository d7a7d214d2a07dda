import { type DriverFacts } from './availability';
import { type Actor, type DeliveryStatus, type ReasonCode } from './delivery';
import { type ReachedLevel, type UnassignedClock } from './escalation';
import { type Message } from './message';
import { type OfferFacts, type OfferKind } from './offer';

/** What PostgreSQL says of one delivery, read under lock. Instants are epoch ms, money is in cents. */
export type DeliveryFacts = {
  deliveryId: string;
  merchantId: string;
  sellerOrderId: string;
  cityId: string;
  status: DeliveryStatus;
  statusSince: number;
  reasonCode: ReasonCode | null;
  readyAt: number;
  /** When the search begins. */
  searchAt: number;
  /** When to look for a driver next; null while nobody is looked for. */
  searchAgainAt: number | null;
  /** Fruitless searches since the last offer or assignment. */
  searchRound: number;
  clock: UnassignedClock;
  escalationLevel: ReachedLevel;
  driverId: string | null;
  pinned: boolean;
  payCents: number;
  bonusCents: number;
  assignedAt: number | null;
  pickedUpAt: number | null;
  closedAt: number | null;
};

export type AssignmentWay = 'OFFER' | 'V1' | 'MANUAL' | 'HANDOVER';
export type AssignmentState = 'ACTIVE' | 'COMPLETED' | 'LOST' | 'CANCELLED' | 'FAILED';

export type AssignmentFacts = {
  assignmentId: string;
  driverId: string;
  offerId: string | null;
  way: AssignmentWay;
  state: AssignmentState;
  pinned: boolean;
  payCents: number;
  startedAt: number;
  atPickupAt: number | null;
  pickedUpAt: number | null;
  atDropoffAt: number | null;
  endedAt: number | null;
  endReason: string | null;
};

/** One delivery with all that an event can touch: its live offers and the one the event names, its newest assignment, their drivers. */
export type Truth = {
  delivery: DeliveryFacts;
  offers: readonly OfferFacts[];
  assignments: readonly AssignmentFacts[];
  drivers: Readonly<Record<string, DriverFacts>>;
};

/** One line of the audit trail; the writer adds ids, places and hashes. */
export type Entry = {
  kind: string;
  /** Whose hash chain the entry stands in. */
  chain: 'delivery' | 'driver';
  driverId: string | null;
  actor: Actor;
  from: string | null;
  to: string | null;
  why: string | null;
  deviceAt: number | null;
  detail: Record<string, unknown> | null;
};

/** What is known of an offer or assignment that is about to be made, beside its driver: shown to the driver, kept for ops. */
export type Chosen = {
  driverId: string;
  /** Scores and exclusions: why this driver (spec 2). */
  why: Record<string, unknown>;
  /** What the driver is shown: pay, both stops, distance, ready time. */
  payload: Record<string, unknown>;
};

/** New rows that come with a decision, beyond the facts the domain keeps. */
export type NewOffer = { offerId: string; kind: OfferKind; chosen: Chosen };
export type NewAssignment = { assignmentId: string; why: Record<string, unknown> | null };

/** A refusal is a value: a stable code, and words for a person. */
export type Refusal = { refused: RefusalCode; detail: string };
export type RefusalCode =
  | 'NOT_FOUND' | 'OFFER_EXPIRED' | 'OFFER_WITHDRAWN' | 'ALREADY_ANSWERED' | 'ILLEGAL_TRANSITION'
  | 'DRIVER_OFF_DUTY' | 'DRIVER_ON_BREAK' | 'DRIVER_HAS_NO_ROOM' | 'DRIVER_IN_OTHER_CITY' | 'REASON_NOT_ALLOWED';

export type Answer =
  | Refusal
  | { outcome: 'accepted'; deliveryId: string; offerId: string; assignmentId: string; at: number }
  | { outcome: 'rejected'; deliveryId: string; offerId: string; at: number }
  | { outcome: 'moved'; deliveryId: string; status: DeliveryStatus; at: number }
  | { outcome: 'assigned'; deliveryId: string; driverId: string; assignmentId: string; at: number }
  /** The event asked nothing: a deadline, or news. */
  | { outcome: 'noted' };

export function isRefusal(answer: Answer): answer is Refusal {
  return 'refused' in answer;
}

/** What an event leads to: the next truth, whole, and what is written and told with it. `next === truth` means that nothing changed. */
export type Decision = {
  next: Truth;
  answer: Answer;
  newOffer: NewOffer | null;
  newAssignment: NewAssignment | null;
  entries: readonly Entry[];
  messages: readonly Message[];
};

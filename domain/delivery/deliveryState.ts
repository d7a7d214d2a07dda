import { type DriverFacts } from '../driver/availability';
import { type Actor, type DeliveryStatus, type ReasonCode } from './status';
import { type ReachedLevel, type UnassignedClock } from './escalation';
import { type Message } from '../notices/message';
import { type OfferFacts, type OfferKind } from './offer';
import { type Point } from '../geo/places';
import { type CaseFacts, type HeldReason } from '../support/supportCase';

/** What PostgreSQL says of one delivery, read under lock. Instants are epoch ms, money is in cents. */
export type DeliveryFacts = {
  deliveryId: string;
  merchantId: string;
  sellerOrderId: string;
  cityId: string;
  zoneId: string | null;
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
  /**
   * When that level was reached, or its page and broadcast last came again, and at how much unassigned time,
   * in ms.
   */
  escalatedAt: number | null;
  escalatedAfterMs: number | null;
  /** Minutes until each level in this city; empty: the settings hold. */
  cityEscalationMinutes: readonly number[];
  /** Since when the broadcast runs whose waves go out now; null: drivers are asked one by one. */
  broadcastSince: number | null;
  /** Why the search waits for ops. */
  heldReason: HeldReason | null;
  /** The last loss of a driver that was not made good yet, and how many losses there were. */
  lostAt: number | null;
  losses: number;
  /** Since when merchant and customer know that it will be late. */
  delayedSince: number | null;
  driverId: string | null;
  pinned: boolean;
  payCents: number;
  bonusCents: number;
  assignedAt: number | null;
  pickedUpAt: number | null;
  closedAt: number | null;
};

export type AssignmentWay = 'OFFER' | 'V1' | 'MANUAL' | 'HANDOVER';
export type AssignmentState = 'ACTIVE' | 'COMPLETED' | 'LOST' | 'CANCELLED' | 'FAILED' | 'HANDED_OVER';

/** Where one driver hands the goods over to another. */
export type Meeting = { point: Point; address: string | null };

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
  /** Where the goods are to be taken over from another driver; null: at the pickup. */
  meeting: Meeting | null;
};

/**
 * One delivery with all that an event can touch: its live offers and the one the event names, its newest
 * assignment, their drivers.
 */
export type DeliveryState = {
  delivery: DeliveryFacts;
  offers: readonly OfferFacts[];
  assignments: readonly AssignmentFacts[];
  drivers: Readonly<Record<string, DriverFacts>>;
  /** The one case that is not resolved. */
  supportCase: CaseFacts | null;
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

/**
 * What is known of an offer or assignment that is about to be made, beside its driver: shown to the driver,
 * kept for ops.
 */
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
  | 'NOT_FOUND'
  | 'OFFER_EXPIRED'
  | 'OFFER_WITHDRAWN'
  | 'ALREADY_ANSWERED'
  | 'ILLEGAL_TRANSITION'
  | 'PAY_NOT_RAISED'
  | 'NOT_PICKED_UP'
  | 'DRIVER_OFF_DUTY'
  | 'DRIVER_ON_BREAK'
  | 'DRIVER_HAS_NO_ROOM'
  | 'DRIVER_IN_OTHER_CITY'
  | 'REASON_NOT_ALLOWED';

export type Answer =
  | Refusal
  | { outcome: 'accepted'; deliveryId: string; offerId: string; assignmentId: string; at: number }
  | { outcome: 'rejected'; deliveryId: string; offerId: string; at: number }
  | { outcome: 'moved'; deliveryId: string; status: DeliveryStatus; at: number }
  | { outcome: 'assigned'; deliveryId: string; driverId: string; assignmentId: string; at: number }
  /** The driver is rid of it; the delivery is searched for again, or waits for ops. */
  | { outcome: 'released'; deliveryId: string; at: number }
  /** The driver has the goods: ops decide what becomes of them. */
  | { outcome: 'escalated'; deliveryId: string }
  /** What the driver gets now, bonus included. */
  | { outcome: 'payRaised'; deliveryId: string; payCents: number }
  | { outcome: 'searching'; deliveryId: string }
  /** The event asked nothing: a deadline, or news. */
  | { outcome: 'noted' };

export function isRefusal(answer: Answer): answer is Refusal {
  return 'refused' in answer;
}

/**
 * What an event leads to: the next truth, whole, and what is written and told with it. `next === truth` means
 * that nothing changed.
 */
export type Decision = {
  next: DeliveryState;
  answer: Answer;
  newOffers: readonly NewOffer[];
  newAssignment: NewAssignment | null;
  entries: readonly Entry[];
  messages: readonly Message[];
};

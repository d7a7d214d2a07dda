import { type DriverFacts } from '../driver/availability';
import { type Actor, type DeliveryStatus, type ReasonCode } from './status';
import { type ReachedLevel } from './escalation';
import { type Message } from '../notices/message';
import { type OfferPayload } from '../notices/realtimeEvents';
import { type OfferFacts, type OfferKind } from './offer';
import { type Point } from '../geo/places';
import { type ChangedOrder } from '../orders/orderChange';
import { type CityPay } from '../money/cityPay';
import { type CaseFacts, type HeldReason } from '../support/supportCase';
import { type UnassignedClock } from './unassignedClock';

/** One delivery as its row in PostgreSQL has it. Instants are epoch ms, amounts in minor units. */
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
  /** When the next search is due; null while there is none. */
  searchAgainAt: number | null;
  /** Fruitless searches since the last offer or assignment. */
  searchRound: number;
  clock: UnassignedClock;
  escalationLevel: ReachedLevel;
  /**
   * When that level was reached, or its page and broadcast were last repeated; and the unassigned ms then.
   */
  escalatedAt: number | null;
  escalatedAfterMs: number | null;
  /** Minutes until each level in this city; empty = the settings hold. */
  cityEscalationMinutes: readonly number[];
  /** IANA name: the day of earnings is the city's. */
  cityTimezone: string;
  /** How amounts are written in this city; null = in English. */
  cityLocale: string | null;
  /** What this city sets for pay; null = the settings hold. */
  cityPay: CityPay | null;
  /** Since when a broadcast runs, wave after wave; null = drivers are asked one at a time. */
  broadcastSince: number | null;
  /** Why the search waits for ops; null = it does not. */
  heldReason: HeldReason | null;
  /** When the driver was lost, until there is another one; and how many drivers were lost. */
  lostAt: number | null;
  losses: number;
  /** When merchant or customer were first notified of the delay. */
  delayedSince: number | null;
  /** When ops and merchant were told that it is not expected within its window. */
  windowWarnedAt: number | null;
  driverId: string | null;
  pinned: boolean;
  currency: string;
  payCents: number;
  bonusCents: number;
  assignedAt: number | null;
  pickedUpAt: number | null;
  closedAt: number | null;
};

/** How a driver got the delivery. V1: assigned without an offer. */
export type AssignmentWay = 'OFFER' | 'V1' | 'MANUAL' | 'HANDOVER';
export type AssignmentState = 'ACTIVE' | 'COMPLETED' | 'LOST' | 'CANCELLED' | 'FAILED' | 'HANDED_OVER';

/** Where one driver hands the goods over to another. docs/behaviour.md#reassignment. */
export type Meeting = { point: Point; address: string | null };

/** One driver's assignment to the delivery. Instants are epoch ms. */
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
  /** Where the driver takes the goods over from another one; null = at the pickup, or where they are. */
  meeting: Meeting | null;
  /** When they said, without having the delivery any more, that they hold its goods; null = they did not. */
  goodsClaimedAt: number | null;
};

/**
 * One delivery with everything that an event can touch, read under lock: live offers and the offer the event
 * names, assignments, the drivers of these, and the open case.
 */
export type DeliveryState = {
  delivery: DeliveryFacts;
  offers: readonly OfferFacts[];
  assignments: readonly AssignmentFacts[];
  drivers: Readonly<Record<string, DriverFacts>>;
  /** The one case that is not resolved; null = there is none. */
  supportCase: CaseFacts | null;
};

/** A chain about something that is neither a delivery nor a driver. */
export type ConfigurationChain = `${'city' | 'merchant' | 'feature' | 'erasure'}/${string}`;

/** One entry of the audit trail; the writer adds id, place and hash. docs/behaviour.md#audit-trail. */
export type Entry = {
  kind: string;
  /** Whose hash chain the entry is added to: its delivery's, its driver's, or one of the configuration. */
  chain: 'delivery' | 'driver' | ConfigurationChain;
  driverId: string | null;
  actor: Actor;
  from: string | null;
  to: string | null;
  why: string | null;
  deviceAt: number | null;
  detail: Record<string, unknown> | null;
};

/** A driver chosen by a search, with the explanation for ops and the content of the offer. */
export type Chosen = {
  driverId: string;
  /** Scores and exclusions, which explain the choice. docs/behaviour.md#offers. */
  why: Record<string, unknown>;
  /** What the driver is shown: pay, both stops, distance, ready time. */
  payload: OfferPayload;
  /** It would be the next job of a driver who is about to finish, beyond their capacity. */
  isNext?: boolean;
};

/** Offers and assignments that a decision adds, with what their rows hold beyond the facts. */
export type NewOffer = { offerId: string; kind: OfferKind; chosen: Chosen };
export type NewAssignment = { assignmentId: string; why: Record<string, unknown> | null };

/** A change of the order that is applied. `fields` empty = it says what the order said before. */
export type OrderWrite = ChangedOrder & { changeId: string };

/** A refusal is a value: a stable code for programs, and a detail for people. */
export type Refusal = { refused: RefusalCode; detail: string };
/** The codes of docs/problems.md that a delivery refuses an event with. */
export type RefusalCode =
  | 'NOT_FOUND'
  | 'OFFER_EXPIRED'
  | 'OFFER_WITHDRAWN'
  | 'ALREADY_ANSWERED'
  | 'ILLEGAL_TRANSITION'
  | 'PAY_NOT_RAISED'
  | 'PAY_NOT_ALLOWED'
  | 'NOT_PICKED_UP'
  | 'GOODS_IN_HAND'
  | 'GOODS_NOT_NEEDED'
  | 'DRIVER_OFF_DUTY'
  | 'DRIVER_ON_BREAK'
  | 'DRIVER_HAS_NO_ROOM'
  | 'DRIVER_IN_OTHER_CITY'
  | 'REASON_NOT_ALLOWED';

/** The answer to the sender of an event. `at` is when it first happened (epoch ms), so a repeat gets the same. */
export type Answer =
  | Refusal
  /** `tripId`: the offer was one of a trip, and all of it was accepted. */
  | {
      outcome: 'accepted';
      deliveryId: string;
      offerId: string;
      assignmentId: string;
      at: number;
      tripId?: string;
    }
  | { outcome: 'rejected'; deliveryId: string; offerId: string; at: number }
  | { outcome: 'moved'; deliveryId: string; status: DeliveryStatus; at: number }
  | { outcome: 'assigned'; deliveryId: string; driverId: string; assignmentId: string; at: number }
  /** The driver is released: the search continues, or waits for ops. */
  | { outcome: 'released'; deliveryId: string; at: number }
  /** The driver has the goods: ops decide what happens to them. */
  | { outcome: 'escalated'; deliveryId: string }
  /** The driver's pay from now on, with the bonus. */
  | { outcome: 'payRaised'; deliveryId: string; payCents: number }
  | { outcome: 'searching'; deliveryId: string }
  | { outcome: 'orderChanged'; deliveryId: string; at: number }
  /** The event needs no answer: a deadline, or a notification. */
  | { outcome: 'noted' };

export const NOTED = { outcome: 'noted' } as const satisfies Answer;

export function refuse(refused: RefusalCode, detail: string): Refusal {
  return { refused, detail };
}

/** The refusal of an action that the delivery's status does not allow, such as `cancel` after pickup. */
export function illegalMove({ status }: Pick<DeliveryFacts, 'status'>, action: string): Refusal {
  return refuse('ILLEGAL_TRANSITION', `cannot ${action}: the delivery is ${status}`);
}

export function isRefusal(answer: Answer): answer is Refusal {
  return 'refused' in answer;
}

/**
 * The result of an event: the whole state after it, and what is written and sent in the same transaction.
 * If `next` is the object that was read, nothing changed.
 */
export type Decision = {
  next: DeliveryState;
  answer: Answer;
  newOffers: readonly NewOffer[];
  newAssignment: NewAssignment | null;
  /** The order as it is written beside the state; null = it stays as it is. */
  orderWrite: OrderWrite | null;
  entries: readonly Entry[];
  messages: readonly Message[];
};

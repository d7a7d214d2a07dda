import { type DeliveryStatus } from '../../domain/delivery/status';
import { type EscalatedState } from '../../domain/delivery/escalation';
import { type UnassignedClock } from '../../domain/delivery/unassignedClock';
import { type Decision, type Meeting, type DeliveryState } from '../../domain/delivery/deliveryState';
import { type TripDecision } from '../../domain/delivery/trip';
import { type ParcelSize } from '../../domain/driver/vehicles';
import { type CityPay } from '../../domain/money/cityPay';
import { type Point } from '../../domain/geo/places';
import { type ChangeRequest } from '../../domain/orders/orderChange';
import { type Message } from '../../domain/notices/message';
import { type ShownDelivery } from '../../domain/notices/realtimeEvents';
import { type WorkingDriverRow } from '../../adapters/postgres/driverJobs';
import { type Candidate } from '../../domain/matching/candidate';

/**
 * Rows that an event can touch besides the delivery's own live ones; `pickFrom` are drivers to choose from,
 * best first, and `pickAtMost` how many of them.
 */
export type Touched = {
  offerIds: readonly string[];
  driverIds: readonly string[];
  pickFrom: readonly string[];
  pickAtMost: number;
  /** Whether a driver may be picked for a next job, beyond their capacity. */
  pickAsNext?: boolean;
  /** The change of the order that the event names. */
  changeId?: string | null;
};

/** One delivery of several, and its state as read under lock; `picked` are the first of `pickFrom`. */
export type PartTouched = { deliveryId: string; touched: Touched };
export type PartRead = { state: DeliveryState; picked: readonly string[] };

export type SearchFacts = {
  status: DeliveryStatus;
  statusSince: number;
  /** When the last round of the city's matching ended; null = none did. */
  matchedAt: number | null;
  searchAt: number;
  cityId: string;
  parcelSize: ParcelSize;
  searchRound: number;
  clock: UnassignedClock;
  /** Minutes until each level in this city; empty: the settings apply. */
  cityEscalationMinutes: readonly number[];
  /** How amounts are written in this city; null: in English. */
  cityLocale: string | null;
  /** What this city sets for pay; null: the settings apply. */
  cityPay: CityPay | null;
  isHeld: boolean;
  /** Without the bonus. */
  payCents: number;
  readyAt: number;
  /** The end of the promised window; null = none. */
  windowTo: number | null;
  pickup: Point;
  zoneOfferTtlSeconds: number | null;
  /** How far ops let the searches of its zone or city reach at least; null: as far as usual. */
  widenedToMeters: number | null;
  /** The delivery as shown to a driver. */
  shown: ShownDelivery;
} & EscalatedState;

/** A candidate as known to the store. The map adds position and time. */
export type CandidateFacts = Omit<
  Candidate,
  'fixAt' | 'distanceMeters' | 'travelMs' | 'stopsBefore' | 'isTooLate' | 'nextAfter'
> & {
  /** Whether they have an active assignment. */
  hasWork: boolean;
};
export type CandidateQuery = {
  deliveryId: string;
  driverIds: readonly string[];
  broadcastSince: number | null;
  now: number;
};

/** A decision that was committed. `left` are its messages that the relay has to be notified of. */
export type Written = Decision & { left: readonly Message[] };

/** As `Written`, of one of several deliveries. */
export type WrittenPart = TripDecision & Pick<Written, 'left'>;

/** The delivery's rows. */
export interface DeliveryStore {
  /**
   * One transaction: reads the state under lock, lets `make` decide, writes the decision. `picked` are the
   * first of `pickFrom` who could be locked.
   * @throws ImpossibleEvent for an unknown delivery, or if the database would refuse every retry
   */
  change(
    deliveryId: string,
    touched: Touched,
    make: (state: DeliveryState, picked: readonly string[], change: ChangeRequest | null) => Decision,
    at: number,
    correlationId: string,
  ): Promise<Written>;
  /**
   * One transaction over several deliveries: locks all their rows in the order of their ids, reads each as `change`
   * does, lets `make` decide, and writes the decisions one after the other. Drivers are picked for the first.
   * @returns what was decided, as `make` ordered it
   * @throws ImpossibleEvent as `change`
   */
  changeTogether(
    parts: readonly PartTouched[],
    make: (read: readonly PartRead[]) => readonly TripDecision[],
    at: number,
    correlationId: string,
  ): Promise<readonly WrittenPart[]>;
  /** The state without locks, in one snapshot. */
  readUnlocked(deliveryId: string, touched: Touched): Promise<DeliveryState | undefined>;
  searchFacts(deliveryId: string, now: number): Promise<SearchFacts | undefined>;
  candidates(query: CandidateQuery): Promise<CandidateFacts[]>;
  /** Those of these drivers who have work, with their jobs in the order in which they got them. */
  workingDrivers(driverIds: readonly string[]): Promise<WorkingDriverRow[]>;
  /** How many other deliveries of the city wait for a driver, counted up to `atMost`. */
  othersWaiting(query: { cityId: string; deliveryId: string; atMost: number }): Promise<number>;
  /** A change of the order that was kept, with the order as it is. */
  orderChange(deliveryId: string, changeId: string): Promise<ChangeRequest | null>;
  /** The meeting point for a handover of this delivery. It never changes. */
  meeting(deliveryId: string, meetingId: string): Promise<Meeting | null>;
}

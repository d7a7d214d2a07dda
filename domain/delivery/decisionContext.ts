import { type AvailabilityLimits } from '../driver/availability';
import { type TravelModel } from '../geo/places';
import { type RankingLimits } from '../matching/candidate';
import { type SearchLimits } from '../matching/searchPlan';
import { type OrderLimits } from '../orders/orderLimits';
import { type EscalationLimits } from './escalation';
import { type Actor } from './status';

/** Limits of dispatch, from the settings. Durations in ms. */
export type DispatchLimits = {
  search: SearchLimits;
  /** How long a delivery waits for its city's matching before it searches by itself. */
  matchingNetMs: number;
  ranking: RankingLimits;
  /** How long before they are free drivers may be offered their next job; 0 = not before. ADR 58. */
  nextJobAheadMs: number;
  /** How much later than alone a customer may get theirs for the sake of another of the same driver. */
  tripMaxExtraMs: number;
  availability: AvailabilityLimits;
  /** How long an offer is live where its zone sets nothing else. */
  offerTtlMs: number;
  /** How long a search runs before the delivery is cancelled; 0 = no limit. docs/behaviour.md#deliveries. */
  searchMaxMs: number;
  escalation: EscalationLimits;
  /** After `afterLapses` lapses in a row a driver is paused for `pauseMs`; 0 lapses = never. ADR 13. */
  lapsePause: { afterLapses: number; pauseMs: number };
  /** Whether drivers can be reached by web push while their app is closed. docs/behaviour.md#realtime. */
  pushesOffers: boolean;
  orders: OrderLimits;
  searchLeadMs: number;
  travel: TravelModel;
  /** Divides travel times, as TIME_SCALE divides all durations. */
  timeScale: number;
};

/**
 * The features that are on for this delivery now. `availabilityStates` rolls out by driver, so it takes a driver
 * id. docs/behaviour.md#features.
 */
export type DispatchFeatures = {
  availabilityStates: (driverId: string) => boolean;
  escalation: boolean;
  autoReassignment: boolean;
  /** Whether its city's matching chooses its driver while it waits; never without offers. */
  batchMatching: boolean;
};

/** When an event happens (`now` in epoch ms), who causes it, what limits hold, and the source of new ids. */
export type DecisionContext = {
  now: number;
  newId: () => string;
  actor: Actor;
  limits: DispatchLimits;
  features: DispatchFeatures;
  /** The deliveries that are decided in the same transaction; absent = this one alone. */
  together?: readonly string[];
};

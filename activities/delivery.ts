import { type IncomingEvent } from '../domain/delivery/events';
import {
  type DeliveryDeps,
  type EventInput,
  type EventResult,
  handleEvent,
} from '../services/deliveries/deliveryEvents';

/** One local activity for each kind of event, so that a history reads as a story. */
export type DeliveryActivities = Record<IncomingEvent['kind'], (input: EventInput) => Promise<EventResult>>;

/** The activities of the delivery workflow. */
export function createDeliveryActivities(deps: DeliveryDeps): DeliveryActivities {
  const run = (input: EventInput) => handleEvent(deps, input);
  return {
    lookForDriver: run,
    lapseOffer: run,
    giveUpSearch: run,
    acceptOffer: run,
    rejectOffer: run,
    takeStep: run,
    failDelivery: run,
    cancelDelivery: run,
    assignDriver: run,
    releaseDriver: run,
    readDelivery: run,
    escalate: run,
    handOver: run,
    leaveDelivery: run,
    rescueDelivery: run,
    raisePay: run,
    resumeSearch: run,
  };
}

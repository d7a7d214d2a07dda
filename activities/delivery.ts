import { AUTOMATIC_EVENTS, type IncomingEvent } from '../domain/delivery/events';
import {
  type DeliveryDeps,
  type EventInput,
  type EventResult,
  handleEvent,
} from '../services/deliveries/deliveryEvents';
import { COMMANDS } from '../workflows/contract';

/** One local activity per kind of event, so that histories are readable. */
export type DeliveryActivities = Record<IncomingEvent['kind'], (input: EventInput) => Promise<EventResult>>;

/** The activities of the delivery workflow. */
export function createDeliveryActivities(deps: DeliveryDeps): DeliveryActivities {
  return activitiesRunBy((input) => handleEvent(deps, input));
}

/** One activity for each command, and for each event that nobody asks for; `run` does what they all do. */
export function activitiesRunBy(run: (input: EventInput) => Promise<EventResult>): DeliveryActivities {
  return { ...sameForEach(AUTOMATIC_EVENTS, run), ...sameForEach(COMMANDS, run) };
}

/** `Object.fromEntries` with the names in its type. */
function sameForEach<Name extends string, Value>(
  names: Record<Name, unknown>,
  value: Value,
): Record<Name, Value>;
function sameForEach(names: object, value: unknown): object {
  return Object.fromEntries(Object.keys(names).map((name) => [name, value]));
}

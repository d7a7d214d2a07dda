import { noteAct } from './act';
import { acceptOffer, lapseOffer, rejectOffer } from './answer';
import { failDelivery, takeStep } from './carry';
import { changeOrder } from './changeOrder';
import { ChangeSet } from './changes/changeSet';
import { type DecisionContext } from './decisionContext';
import { type Answer, type Decision, type DeliveryState } from './deliveryState';
import { escalate } from './escalate';
import { type DeliveryEvent } from './events';
import { assignDriver, cancelDelivery, handOver, raisePay, resumeSearch, searchFarther } from './intervene';
import { leaveDelivery, releaseDriver, rescueDelivery } from './lose';
import { giveUpSearch, lookForDriver, readAgain, settleSearch } from './search';

/**
 * Decides what an event does to a delivery. Pure: the caller reads `state` under lock, provides time and ids in
 * `context`, and writes the returned decision. A repeated event gets its first answer and changes
 * nothing. ADR 2.
 * @throws where the state is inconsistent, or the event is impossible in this state
 */
export function decide(state: DeliveryState, event: DeliveryEvent, context: DecisionContext): Decision {
  const changes = new ChangeSet(state, context);
  settleSearch(changes);
  noteAct(changes, event);
  return changes.decision(apply(changes, event));
}

/** Maps each event to its rule. */
function apply(changes: ChangeSet, event: DeliveryEvent): Answer {
  switch (event.kind) {
    case 'lookForDriver':
      return lookForDriver(changes, event);
    case 'lapseOffer':
      return lapseOffer(changes, event);
    case 'giveUpSearch':
      return giveUpSearch(changes);
    case 'escalate':
      return escalate(changes);
    case 'acceptOffer':
      return acceptOffer(changes, event);
    case 'rejectOffer':
      return rejectOffer(changes, event);
    case 'takeStep':
      return takeStep(changes, event);
    case 'failDelivery':
      return failDelivery(changes, event);
    case 'cancelDelivery':
      return cancelDelivery(changes, event);
    case 'assignDriver':
      return assignDriver(changes, event);
    case 'handOver':
      return handOver(changes, event);
    case 'leaveDelivery':
      return leaveDelivery(changes, event);
    case 'rescueDelivery':
      return rescueDelivery(changes, event);
    case 'raisePay':
      return raisePay(changes, event);
    case 'resumeSearch':
      return resumeSearch(changes, event);
    case 'searchFarther':
      return searchFarther(changes, event);
    case 'changeOrder':
      return changeOrder(changes, event);
    case 'releaseDriver':
      return releaseDriver(changes, event);
    case 'readDelivery':
      return readAgain(changes);
    default:
      return unknownEvent(event);
  }
}

function unknownEvent(event: never): never {
  throw new Error(`unknown event ${JSON.stringify(event)}`);
}

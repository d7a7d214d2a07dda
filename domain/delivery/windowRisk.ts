/**
 * A delivery is not expected within its window: ops and the merchant are told once, before it is late.
 * docs/behaviour.md#deliveries.
 */

import { merchantRoom, trackingRoom } from '../notices/message';
import { type WindowRisk } from '../orders/windowWatch';
import { ChangeSet, iso } from './changes/changeSet';
import { openCase, tellSupport } from './changes/supportQueue';
import { type DecisionContext } from './decisionContext';
import { type Decision, type DeliveryState, NOTED } from './deliveryState';
import { announceDelay } from './escalate';
import { isClosed } from './status';

/** Nothing changes where the risk was reported before, or the delivery has come to its drop-off meanwhile. */
export function reportWindowRisk(state: DeliveryState, risk: WindowRisk, context: DecisionContext): Decision {
  const changes = new ChangeSet(state, context);
  if (isNews(changes)) report(changes, risk);
  return changes.decision(NOTED);
}

function isNews({ delivery: { status, windowWarnedAt } }: ChangeSet): boolean {
  return windowWarnedAt === null && !isClosed(status) && status !== 'AT_DROPOFF' && status !== 'RETURNING';
}

/** A case that is open stays as it is: ops know the delivery already, and are told of the window too. */
function report(changes: ChangeSet, { windowTo, expectedAt }: WindowRisk): void {
  const { supportCase, delivery, now } = changes;
  changes.setDelivery({ windowWarnedAt: now });
  changes.note('window_at_risk', { detail: { windowTo: iso(windowTo), expectedAt: iso(expectedAt) } });
  if (supportCase === null) openCase(changes, 'WINDOW_AT_RISK', delivery.driverId);
  else tellSupport(changes, 'WINDOW_AT_RISK');
  for (const room of [trackingRoom(delivery.deliveryId), merchantRoom(delivery.merchantId)])
    announceDelay(changes, room, 'WINDOW_AT_RISK');
}

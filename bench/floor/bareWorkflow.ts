import {
  allHandlersFinished,
  condition,
  proxyLocalActivities,
  setHandler,
  Trigger,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { ATTEMPT_MS, searchAttributes } from '../../workflows/contract';
import { type BareStep, takeBareStep } from './contract';
import type { BareActivities } from './worker/main';

const nothing = proxyLocalActivities<BareActivities>({
  startToCloseTimeout: ATTEMPT_MS,
  localRetryThreshold: '50ms',
});

const OFFER_MS = 30_000;
const DRIVER = '00000000-0000-7000-8000-000000000000';

type Waiting = { step: BareStep; answered: Trigger<BareStep> };

/**
 * The same history as a delivery whose first driver accepts, without any logic: an empty local activity for
 * each transaction, the offer timer, and search attributes upserted at the same points as in
 * `workflows/delivery.ts`.
 */
export async function bareDelivery(): Promise<string> {
  const inbox: Waiting[] = [];
  setHandler(takeBareStep, async (step) => {
    const answered = new Trigger<BareStep>();
    inbox.push({ step, answered });
    return answered;
  });
  await nothing.beginBare({ workflowId: workflowInfo().workflowId });
  show('OFFERED', true);
  const hasNews = () => inbox.length > 0;
  await condition(hasNews, OFFER_MS, { summary: 'the offer expires' });
  for (let isOver = false; !isOver;) {
    await condition(hasNews);
    for (let next = inbox.shift(); next; next = inbox.shift()) {
      await nothing.stepBare({ step: next.step });
      showAfter(next.step);
      next.answered.resolve(next.step);
      isOver = next.step === 'deliver';
    }
  }
  await condition(allHandlersFinished);
  return 'DELIVERED';
}

function showAfter(step: BareStep): void {
  switch (step) {
    case 'accept':
      return show('ASSIGNED', false);
    case 'pickUp':
      return show('PICKED_UP', false);
    case 'deliver':
      return show('DELIVERED', false);
    case 'arriveAtPickup':
    case 'arriveAtDropoff':
  }
}

function show(status: string, isOffered: boolean): void {
  const { deliveryStatus, driverId, offerExpiresAt, escalationLevel } = searchAttributes;
  upsertSearchAttributes([
    { key: deliveryStatus, value: status },
    { key: driverId, value: DRIVER },
    { key: offerExpiresAt, value: isOffered ? new Date(Date.now() + OFFER_MS) : null },
    { key: escalationLevel, value: 0 },
  ]);
}

/**
 * Steps of a driver who lost the delivery before their app could report them. Where nobody else has it, they get
 * it back; otherwise ops decide who holds the goods. Instants are epoch ms. docs/behaviour.md#reassignment; ADR 38.
 */

import { takesWork } from '../driver/availability';
import { isDetectedLoss } from '../driver/loss';
import { assign } from './changes/assignments';
import { type ChangeSet } from './changes/changeSet';
import { endLiveOffer } from './changes/offers';
import { openCase } from './changes/supportQueue';
import { type Answer, type AssignmentFacts, refuse } from './deliveryState';
import { type EventOf } from './events';
import { isClosed, type Step } from './status';

type LateStep = Pick<EventOf<'takeStep'>, 'step' | 'deviceAt'>;

/**
 * Whether a lost driver gets the delivery back for this step. They took it before they were lost, by their device; the
 * service detected the loss, so neither they nor ops wanted it; and nobody else has the delivery.
 */
export function canHaveBack(changes: ChangeSet, own: AssignmentFacts, { step, deviceAt }: LateStep): boolean {
  const { status } = changes.delivery;
  const isFree = status === 'SEARCHING' || status === 'OFFERED';
  if (!isFree || (step !== 'arriveAtPickup' && step !== 'pickUp')) return false;
  if (own.goodsClaimedAt !== null || !isDetectedLoss(own.endReason ?? '')) return false;
  const driver = changes.driverOrNone(own.driverId);
  return wasDuring(own, deviceAt) && driver !== undefined && takesWork({ ...driver, liveOffers: 0 });
}

/** Gives the delivery back. Live offers of the delivery, and of the driver, are withdrawn. */
export function giveBack(
  changes: ChangeSet,
  { driverId, way, assignmentId }: AssignmentFacts,
): AssignmentFacts {
  for (const offer of changes.liveOffers()) endLiveOffer(changes, offer, 'WITHDRAWN', 'TAKEN_BY_ANOTHER');
  for (const offer of changes.liveOffersOf(driverId))
    endLiveOffer(changes, offer, 'WITHDRAWN', 'DRIVER_ASSIGNED_BY_HAND');
  const reason = 'the driver took a step before they were lost';
  return assign(changes, driverId, { way, why: { backFrom: assignmentId }, reason });
}

/** Whether the step was taken while the driver had the delivery, by their device. */
function wasDuring({ startedAt, endedAt }: AssignmentFacts, deviceAt: number | null): boolean {
  return deviceAt !== null && endedAt !== null && deviceAt >= startedAt && deviceAt <= endedAt;
}

/** The driver picked the goods up, and the delivery was cancelled before their app could say so. */
export function wasTakenBeforeCancel(own: AssignmentFacts, { step, deviceAt }: LateStep): boolean {
  return step === 'pickUp' && own.state === 'CANCELLED' && wasDuring(own, deviceAt);
}

/** Whether the report of a driver who does not have the delivery says that they hold, or held, its goods. */
export function saysGoodsInHand(changes: ChangeSet, own: AssignmentFacts, report: Step | 'fail'): boolean {
  if (own.goodsClaimedAt !== null) return true;
  switch (own.state) {
    case 'LOST':
    case 'CANCELLED':
      return report !== 'arriveAtPickup' && report !== 'fail';
    case 'HANDED_OVER':
      return changes.newestAssignment()?.pickedUpAt === null;
    case 'ACTIVE':
    case 'COMPLETED':
    case 'FAILED':
      return false;
  }
}

/**
 * Ops hear of the goods, once for each assignment, and a running search waits for them: the next driver would
 * find nothing at the shop. A closed delivery changes no more: services/strandedGoods.ts tells of its goods.
 */
export function claimGoods(changes: ChangeSet, own: AssignmentFacts, deviceAt: number | null): Answer {
  if (isClosed(changes.delivery.status)) return goodsNotNeeded(changes);
  if (own.goodsClaimedAt !== null) return GOODS_IN_HAND;
  const { driverId, assignmentId } = own;
  changes.putAssignment({ ...own, goodsClaimedAt: changes.now });
  changes.note('goods_claimed', { driverId, deviceAt, detail: { assignmentId } });
  holdSearch(changes);
  openCase(changes, 'GOODS_IN_HAND', driverId);
  return GOODS_IN_HAND;
}

function holdSearch(changes: ChangeSet): void {
  const { status } = changes.delivery;
  for (const offer of changes.liveOffers()) endLiveOffer(changes, offer, 'WITHDRAWN', 'TAKEN_BY_ANOTHER');
  const held = { heldReason: 'GOODS_IN_HAND', searchAgainAt: null, broadcastSince: null } as const;
  if (status === 'OFFERED') changes.move('SEARCHING', { ...held, why: 'another driver holds the goods' });
  if (status === 'SEARCHING') changes.setDelivery(held);
}

const GOODS_IN_HAND = refuse(
  'GOODS_IN_HAND',
  'the delivery went on without you: keep the goods and wait for support, who know of it',
);

function goodsNotNeeded({ delivery: { status } }: ChangeSet): Answer {
  const detail = `the delivery is ${status}: bring the goods back to the shop; support know of it`;
  return refuse('GOODS_NOT_NEEDED', detail);
}

/**
 * One scenario for each way in which a workflow can end, run on real parts: `npm run verify -- record` keeps
 * their histories, and a test runs them again.
 */
import { cityDispatchWorkflowId, WORKFLOWS } from '../../workflows/contract';
import type { RealTemporalWorld } from '../support/realTemporalWorld';
import { ESCALATION_LIMITS } from '../../domain/delivery/escalation';
import { LEAVE_REASONS, LOSS_REASONS } from '../../domain/driver/loss';
import { REJECT_REASONS } from '../../domain/delivery/offer';
import { SEARCH_LIMITS } from '../../domain/matching/searchPlan';
import { Stage } from './stage';

export type Scenario = {
  workflow: (typeof WORKFLOWS)[keyof typeof WORKFLOWS];
  name: string;
  /** The offer versions of its drivers' apps, the nearest driver first. */
  drivers: readonly (number | null)[];
  /** @returns the id of the workflow, at the end of the scenario */
  play(stage: Stage): Promise<string>;
};

/** Sets up a city and runs the scenario. */
export async function play({ drivers, play: act }: Scenario, world: RealTemporalWorld): Promise<string> {
  return act(await Stage.set(world, drivers));
}

const V2 = 2;
const HOUR_MS = 3_600_000;
const { delivery: DELIVERY, timedAvailability: TIMED, cityDispatch: CITY } = WORKFLOWS;
const TO_THE_DOOR = ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'] as const;

export const SCENARIOS: readonly Scenario[] = [
  {
    workflow: DELIVERY,
    name: 'delivered',
    drivers: [V2],
    play: async (stage) => {
      const { delivery, driverId } = await stage.accepted();
      await stage.steps(delivery, driverId, ...TO_THE_DOOR);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'delivered-after-rejection-and-expiry',
    drivers: [V2, V2, V2],
    play: async (stage) => {
      const delivery = await stage.dispatch();
      const first = await stage.offered(delivery, stage.driver(0));
      stage.hurry({ offerTtlMs: 1_500 });
      await stage.reject(delivery, first);
      await stage.offered(delivery, stage.driver(1));
      stage.hurry({});
      await stage.accept(delivery, await stage.offered(delivery, stage.driver(2)));
      await stage.steps(delivery, stage.driver(2), ...TO_THE_DOOR);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'delivered-the-v1-way',
    drivers: [null],
    play: async (stage) => {
      const delivery = await stage.dispatch();
      await stage.is(delivery, 'ASSIGNED');
      await stage.steps(delivery, stage.driver(0), ...TO_THE_DOOR);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'search-begins-later',
    drivers: [V2],
    play: async (stage) => {
      const delivery = await stage.dispatch({ searchAt: new Date(Date.now() + 1_500) });
      await stage.accept(delivery, await stage.offered(delivery, stage.driver(0)));
      await stage.steps(delivery, stage.driver(0), ...TO_THE_DOOR);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'order-changed-at-every-stage',
    drivers: [V2],
    play: async (stage) => {
      const soon = Date.now() + 2_500;
      const delivery = await stage.dispatch({ searchAt: new Date(soon) });
      const note = (notes: string) => stage.changeOrder(delivery, { pickup: { notes }, dropoff: {} });
      await note('side door');
      await stage.offered(delivery, stage.driver(0));
      await note('front door');
      await stage.accept(delivery, await stage.offered(delivery, stage.driver(0)));
      await note('back door');
      await stage.steps(delivery, stage.driver(0), 'arriveAtPickup', 'pickUp');
      await note('no door');
      await stage.steps(delivery, stage.driver(0), 'arriveAtDropoff', 'deliver');
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'order-postponed-while-searching',
    drivers: [],
    play: async (stage) => {
      const delivery = await stage.dispatch();
      await stage.is(delivery, 'SEARCHING');
      await stage.changeOrder(delivery, { pickup: {}, dropoff: {}, readyAt: Date.now() + HOUR_MS });
      await stage.is(delivery, 'PENDING');
      await stage.changeOrder(delivery, { pickup: {}, dropoff: {}, readyAt: Date.now() });
      await stage.is(delivery, 'SEARCHING');
      await stage.cancel(delivery);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'cancelled-searching',
    drivers: [],
    play: async (stage) => {
      const delivery = await stage.dispatch();
      await stage.is(delivery, 'SEARCHING');
      await stage.cancel(delivery);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'cancelled-offered',
    drivers: [V2],
    play: async (stage) => {
      const delivery = await stage.dispatch();
      await stage.offered(delivery, stage.driver(0));
      await stage.cancel(delivery);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'cancelled-against-accept',
    drivers: [V2],
    play: async (stage) => {
      const delivery = await stage.dispatch();
      const offer = await stage.offered(delivery, stage.driver(0));
      await Promise.allSettled([stage.cancel(delivery), stage.accept(delivery, offer)]);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'cancelled-assigned',
    drivers: [V2],
    play: async (stage) => {
      const { delivery } = await stage.accepted();
      await stage.cancel(delivery);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'no-driver',
    drivers: [],
    play: async (stage) => {
      stage.hurry({ searchMaxMs: 2_000, search: { ...SEARCH_LIMITS, backoffMs: 400 } });
      const delivery = await stage.dispatch();
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'failed-at-pickup',
    drivers: [V2],
    play: async (stage) => {
      const { delivery, driverId } = await stage.accepted();
      await stage.steps(delivery, driverId, 'arriveAtPickup');
      await stage.fail(delivery, driverId, 'MERCHANT_CLOSED', 'RETURN');
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'failed-after-pickup',
    drivers: [V2],
    play: async (stage) => {
      const { delivery, driverId } = await stage.accepted();
      await stage.steps(delivery, driverId, 'arriveAtPickup', 'pickUp');
      await stage.fail(delivery, driverId, 'DAMAGED', 'LOST');
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'returned',
    drivers: [V2],
    play: async (stage) => {
      const { delivery, driverId } = await stage.accepted();
      await stage.steps(delivery, driverId, 'arriveAtPickup', 'pickUp', 'arriveAtDropoff');
      await stage.fail(delivery, driverId, 'NOT_AT_HOME', 'RETURN');
      await stage.steps(delivery, driverId, 'returnGoods');
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'driver-left-with-offer',
    drivers: [V2, V2],
    play: async (stage) => {
      const delivery = await stage.dispatch();
      await stage.offered(delivery, stage.driver(0));
      await stage.lose(delivery, stage.driver(0));
      await stage.accept(delivery, await stage.offered(delivery, stage.driver(1)));
      await stage.steps(delivery, stage.driver(1), ...TO_THE_DOOR);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'driver-left-before-pickup-and-reassigned',
    drivers: [V2, V2],
    play: async (stage) => {
      const { delivery, driverId } = await stage.accepted();
      await stage.lose(delivery, driverId);
      await stage.accept(delivery, await stage.offered(delivery, stage.driver(1)));
      await stage.steps(delivery, stage.driver(1), ...TO_THE_DOOR);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'assigned-by-hand',
    drivers: [V2, V2],
    play: async (stage) => {
      const delivery = await stage.dispatch();
      await stage.offered(delivery, stage.driver(0));
      await stage.assign(delivery, stage.driver(1));
      await stage.steps(delivery, stage.driver(1), ...TO_THE_DOOR);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'offer-withdrawn-by-another-delivery',
    drivers: [V2],
    play: async (stage) => {
      const first = await stage.dispatch();
      await stage.offered(first, stage.driver(0));
      const second = await stage.dispatch();
      await stage.is(second, 'SEARCHING');
      await stage.assign(second, stage.driver(0));
      await stage.is(first, 'SEARCHING');
      await stage.cancel(second);
      await stage.offered(first, stage.driver(0)); // set free by the other's end, which woke this one
      await stage.cancel(first);
      await first.handle.result();
      return first.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'delivered-after-an-outage',
    drivers: [V2],
    play: async (stage) => {
      const { delivery, driverId } = await stage.accepted();
      stage.world.outage.transactionsLeft = 6; // long enough for the wait between two tries to become a timer
      await stage.steps(delivery, driverId, ...TO_THE_DOOR);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'escalated-to-level-3-and-taken-by-broadcast',
    drivers: [],
    play: async (stage) => {
      stage.hurry({ escalation: { ...ESCALATION_LIMITS, thresholds: { 1: 800, 2: 1_600, 3: 2_400 } } });
      const delivery = await stage.dispatch();
      await stage.reaches(delivery, 2);
      await Promise.all([stage.arrives(), stage.arrives()]);
      await stage.reaches(delivery, 3);
      await stage.acceptBroadcast(delivery);
      await stage.cancel(delivery);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'escalated-while-a-driver-is-asked',
    drivers: [V2],
    play: async (stage) => {
      stage.hurry({ escalation: { ...ESCALATION_LIMITS, thresholds: { 1: 800, 2: 60_000, 3: 120_000 } } });
      const delivery = await stage.dispatch();
      const offer = await stage.offered(delivery, stage.driver(0));
      await stage.reaches(delivery, 1);
      await stage.accept(delivery, offer);
      await stage.steps(delivery, stage.driver(0), ...TO_THE_DOOR);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'given-up-by-the-driver-assigned-by-hand-and-searched-for-again',
    drivers: [V2, V2],
    play: async (stage) => {
      const delivery = await stage.dispatch();
      await stage.assign(delivery, stage.driver(1));
      await stage.leave(delivery, stage.driver(1));
      await stage.resume(delivery);
      await stage.accept(delivery, await stage.offered(delivery, stage.driver(0)));
      await stage.steps(delivery, stage.driver(0), ...TO_THE_DOOR);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'rescued-with-raised-pay',
    drivers: [V2, V2],
    play: async (stage) => {
      const { delivery, driverId } = await stage.accepted();
      await stage.rescue(delivery, driverId);
      await stage.raisePay(delivery, 300);
      await stage.accept(delivery, await stage.offered(delivery, stage.driver(1)));
      await stage.steps(delivery, stage.driver(1), ...TO_THE_DOOR);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'searched-farther-and-cancelled',
    drivers: [],
    play: async (stage) => {
      const delivery = await stage.dispatch();
      await stage.is(delivery, 'SEARCHING');
      await stage.waits(delivery);
      await stage.searchFarther(delivery, 30_000);
      await stage.waits(delivery);
      await stage.cancel(delivery);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'handed-over',
    drivers: [V2, V2],
    play: async (stage) => {
      const { delivery, driverId } = await stage.accepted();
      await stage.steps(delivery, driverId, 'arriveAtPickup', 'pickUp');
      await stage.leave(delivery, driverId);
      await stage.handOver(delivery, stage.driver(1));
      await stage.steps(delivery, stage.driver(1), 'pickUp', 'arriveAtDropoff', 'deliver');
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'cancelled-before-its-search',
    drivers: [],
    play: async (stage) => {
      const delivery = await stage.dispatch({ searchAt: new Date(Date.now() + HOUR_MS) });
      await stage.waits(delivery);
      await stage.cancel(delivery, 'MERCHANT_CANCELLED');
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'cancelled-at-pickup',
    drivers: [V2],
    play: async (stage) => {
      const { delivery, driverId } = await stage.accepted();
      await stage.steps(delivery, driverId, 'arriveAtPickup');
      await stage.cancel(delivery, 'CUSTOMER_CANCELLED');
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'failed-at-pickup-not-ready',
    drivers: [V2],
    play: async (stage) => {
      const { delivery, driverId } = await stage.accepted();
      await stage.steps(delivery, driverId, 'arriveAtPickup');
      await stage.fail(delivery, driverId, 'MERCHANT_NOT_READY', 'RETURN');
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'failed-at-the-door',
    drivers: [V2],
    play: async (stage) => {
      const { delivery, driverId } = await stage.accepted();
      await stage.steps(delivery, driverId, 'arriveAtPickup', 'pickUp', 'arriveAtDropoff');
      await stage.fail(delivery, driverId, 'OTHER', 'LOST');
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'failed-on-the-way-back',
    drivers: [V2],
    play: async (stage) => {
      const { delivery, driverId } = await stage.accepted();
      await stage.steps(delivery, driverId, 'arriveAtPickup', 'pickUp', 'arriveAtDropoff');
      await stage.fail(delivery, driverId, 'REFUSED', 'RETURN');
      await stage.fail(delivery, driverId, 'VEHICLE_BREAKDOWN', 'LOST');
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'returned-from-the-way',
    drivers: [V2],
    play: async (stage) => {
      const { delivery, driverId } = await stage.accepted();
      await stage.steps(delivery, driverId, 'arriveAtPickup', 'pickUp');
      await stage.fail(delivery, driverId, 'WRONG_ADDRESS', 'RETURN');
      await stage.steps(delivery, driverId, 'returnGoods');
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'rejected-for-every-reason',
    drivers: REJECT_REASONS.map(() => V2),
    play: async (stage) => {
      const delivery = await stage.dispatch();
      for (const [index, reason] of REJECT_REASONS.entries())
        await stage.reject(delivery, await stage.offered(delivery, stage.driver(index)), reason);
      await stage.cancel(delivery);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'given-up-for-every-reason',
    drivers: LEAVE_REASONS.map(() => V2),
    play: async (stage) => {
      const delivery = await stage.dispatch({ searchAt: new Date(Date.now() + HOUR_MS) });
      for (const [index, reason] of LEAVE_REASONS.entries()) {
        await stage.assign(delivery, stage.driver(index));
        await stage.leave(delivery, stage.driver(index), reason);
      }
      await stage.cancel(delivery);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'lost-in-every-way-that-is-noticed',
    drivers: [...LOSS_REASONS.map(() => V2), V2],
    play: async (stage) => {
      const delivery = await stage.dispatch();
      for (const [index, why] of LOSS_REASONS.entries()) {
        await stage.accept(delivery, await stage.offered(delivery, stage.driver(index)));
        await stage.lose(delivery, stage.driver(index), why);
      }
      const last = stage.driver(LOSS_REASONS.length);
      await stage.accept(delivery, await stage.offered(delivery, last));
      await stage.rescueLater(delivery, last);
      await stage.is(delivery, 'SEARCHING');
      await stage.cancel(delivery);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'still-searching',
    drivers: [],
    play: async (stage) => {
      const delivery = await stage.dispatch();
      await stage.waits(delivery);
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'proposed-to-by-the-matching-of-its-city',
    drivers: [],
    play: async (stage) => {
      const { delivery } = await stage.matched();
      await stage.cancel(delivery);
      await delivery.handle.result();
      return delivery.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'delivered-along-with-another',
    drivers: [],
    play: async (stage) => {
      const { lead, along, offer } = await stage.offeredTogether();
      await stage.accept(lead, offer);
      await stage.cancel(lead);
      await stage.steps(along, offer.driverId, ...TO_THE_DOOR);
      await along.handle.result();
      return along.workflowId;
    },
  },
  {
    workflow: DELIVERY,
    name: 'offered-with-another-that-was-cancelled',
    drivers: [],
    play: async (stage) => {
      const { lead, along, offer } = await stage.offeredTogether();
      await stage.cancel(along);
      await stage.offerEnds(offer); // its driver may be asked again at once
      await stage.cancel(lead);
      await lead.handle.result();
      return lead.workflowId;
    },
  },
  {
    workflow: CITY,
    name: 'nobody-waits-any-more',
    drivers: [],
    play: async (stage) => {
      await stage.matched();
      await stage.world.dispatcher.callRound(stage.cityId, 'test');
      return endOf(stage, cityDispatchWorkflowId(stage.cityId));
    },
  },
  {
    workflow: TIMED,
    name: 'ended-by-time',
    drivers: [V2],
    play: async (stage) => endOf(stage, await stage.rest(stage.driver(0), 'ON_BREAK', 1_000)),
  },
  {
    workflow: TIMED,
    name: 'ended-early',
    drivers: [V2],
    play: async (stage) => {
      const workflowId = await stage.rest(stage.driver(0), 'ON_BREAK', 1_500);
      await stage.wakeUp(stage.driver(0));
      return endOf(stage, workflowId);
    },
  },
  {
    workflow: TIMED,
    name: 'replaced-by-a-shorter-one',
    drivers: [V2],
    play: async (stage) => {
      await stage.rest(stage.driver(0), 'ON_BREAK', 60_000);
      await stage.wakeUp(stage.driver(0));
      return endOf(stage, await stage.rest(stage.driver(0), 'PAUSED', 1_000));
    },
  },
  {
    workflow: TIMED,
    name: 'replaced-by-a-longer-one',
    drivers: [V2],
    play: async (stage) => {
      await stage.rest(stage.driver(0), 'ON_BREAK', 1_000);
      await stage.wakeUp(stage.driver(0));
      return endOf(stage, await stage.rest(stage.driver(0), 'PAUSED', 2_500));
    },
  },
  {
    workflow: WORKFLOWS.presenceSweep,
    name: 'completed',
    drivers: [V2],
    play: (stage) => stage.sweep(WORKFLOWS.presenceSweep),
  },
  {
    workflow: WORKFLOWS.escalationSweep,
    name: 'completed',
    drivers: [],
    play: (stage) => stage.sweep(WORKFLOWS.escalationSweep),
  },
  {
    workflow: WORKFLOWS.lostDriversSweep,
    name: 'completed',
    drivers: [V2],
    play: (stage) => stage.sweep(WORKFLOWS.lostDriversSweep),
  },
  {
    workflow: WORKFLOWS.windowsSweep,
    name: 'completed',
    drivers: [V2],
    play: (stage) => stage.sweep(WORKFLOWS.windowsSweep),
  },
  {
    workflow: WORKFLOWS.matchingNetSweep,
    name: 'completed',
    drivers: [],
    play: (stage) => stage.sweep(WORKFLOWS.matchingNetSweep),
  },
  {
    workflow: WORKFLOWS.openRowsSweep,
    name: 'completed',
    drivers: [],
    play: (stage) => stage.sweep(WORKFLOWS.openRowsSweep),
  },
  {
    workflow: WORKFLOWS.auditSweep,
    name: 'completed',
    drivers: [],
    play: (stage) => stage.sweep(WORKFLOWS.auditSweep),
  },
  {
    workflow: WORKFLOWS.upkeepSweep,
    name: 'completed',
    drivers: [],
    play: (stage) => stage.sweep(WORKFLOWS.upkeepSweep),
  },
  {
    workflow: WORKFLOWS.erasureSweep,
    name: 'completed',
    drivers: [],
    play: (stage) => stage.sweep(WORKFLOWS.erasureSweep),
  },
  {
    workflow: WORKFLOWS.zoneHealthSweep,
    name: 'completed',
    drivers: [V2],
    play: (stage) => stage.sweep(WORKFLOWS.zoneHealthSweep),
  },
];

async function endOf({ world }: Stage, workflowId: string): Promise<string> {
  await world.env.client.workflow.getHandle(workflowId).result();
  return workflowId;
}

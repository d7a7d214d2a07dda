/**
 * The contract of the bare workflow, for its client. The bare workflow is the performance floor: the same
 * number of events of each kind as ours, without any logic.
 */
import { defineUpdate } from '@temporalio/workflow';

/** Its type, as the bundle exports it. */
export const BARE_DELIVERY = 'bareDelivery';

/** Accept, arrive, pick up, arrive, deliver. */
export const BARE_STEPS = ['accept', 'arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'] as const;
export type BareStep = (typeof BARE_STEPS)[number];

export const takeBareStep = defineUpdate<BareStep, [BareStep]>('takeBareStep');

/**
 * A message from the floor's worker to its parent: the first local activity of this run is done. It
 * corresponds to the offer at the driver's socket.
 */
export type Noted = { workflowId: string };
/** Sent once: the worker polls for tasks. */
export type FloorReady = { ready: true };

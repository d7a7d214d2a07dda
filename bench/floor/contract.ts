/**
 * What the client of the bare workflow may know. The bare workflow is the floor under ours: as many events of
 * each kind, and nothing that serves anybody.
 */
import { defineUpdate } from '@temporalio/workflow';

/** Its type, as the bundle exports it. */
export const BARE_DELIVERY = 'bareDelivery';

/** Accept, arrive, pick up, arrive, deliver. */
export const BARE_STEPS = ['accept', 'arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'] as const;
export type BareStep = (typeof BARE_STEPS)[number];

export const takeBareStep = defineUpdate<BareStep, [BareStep]>('takeBareStep');

/**
 * What the floor's worker tells its parent: that this run's first local activity is done. Stands for the
 * offer at the driver's socket.
 */
export type Noted = { workflowId: string };
/** And once: that it takes tasks. */
export type FloorReady = { ready: true };

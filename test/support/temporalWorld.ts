/**
 * A time-skipping Temporal with a worker of the real workflows and activities. Its clock is global, so these
 * tests run one after another.
 */
import { type Client } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker, type WorkerOptions } from '@temporalio/worker';
import { createDispatcher } from '../../adapters/temporal/dispatcher';
import { createMessageHandler } from '../../services/outbox/outboxMessages';
import { snapshotOf, nextDeadline } from '../../domain/delivery/deadline';
import type { Emit } from '../../domain/notices/message';
import { COMMANDS, deliveryWorkflowId, TASK_QUEUE } from '../../workflows/contract';
import { requiredVariable } from './database';
import { createDispatchWorld, type DispatchWorld, MERCHANT, type NewDelivery } from './dispatchWorld';
import { workflowsUnderTest } from './workflowsUnderTest';

export type TemporalWorld = DispatchWorld & {
  env: TestWorkflowEnvironment;
  client: Client;
  /** All realtime events sent. */
  emits: Emit[];
  /**
   * Lets time pass, from deadline to deadline of this delivery, and each time waits for the record to follow.
   * The server skips time also while a workflow task is under way, which then times out; so it is told to
   * sleep only while nothing is.
   */
  pass(delivery: RunningDelivery, ms: number): Promise<void>;
  /** Ends what still runs, so that the next test's clock wakes nobody else. */
  endAll(): Promise<void>;
  /** Writes a delivery's row and starts its workflow, as the outbox would. */
  dispatch(delivery?: NewDelivery & { news?: 'first' }): Promise<RunningDelivery>;
};

export type RunningDelivery = {
  deliveryId: string;
  workflowId: string;
  handle: ReturnType<Client['workflow']['getHandle']>;
};

const ATTRIBUTES = {
  DeliveryStatus: 2,
  City: 2,
  Zone: 2,
  EscalationLevel: 3,
  DriverId: 2,
  OfferExpiresAt: 6,
  MerchantId: 2,
} as const;

/** @param workflows those of the service, where nothing else is given */
export async function createTemporalWorld({
  workflows = workflowsUnderTest(),
}: { workflows?: Pick<WorkerOptions, 'workflowBundle' | 'sinks'> } = {}): Promise<TemporalWorld> {
  const world = await createDispatchWorld();
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: requiredVariable('TEST_TEMPORAL_TEST_SERVER') } },
  });
  await env.connection.operatorService.addSearchAttributes({
    namespace: env.namespace ?? 'default',
    searchAttributes: ATTRIBUTES,
  });
  const emits: Emit[] = [];
  const dispatched: RunningDelivery[] = [];
  const { client } = env;
  // a busy machine must not look like a dead worker
  const dispatcher = createDispatcher(client, world.db, { workflowTaskTimeoutMs: 60_000 });
  const unexpected = (name: string) => async () => {
    throw new Error(`${name} is not part of this test`);
  };
  const worker = await Worker.create({
    ...workflows,
    connection: env.nativeConnection,
    namespace: env.namespace,
    taskQueue: TASK_QUEUE,
    activities: {
      ...world.activities,
      sweepOpenRows: unexpected('sweepOpenRows'),
      keepUp: unexpected('keepUp'),
      checkEscalation: unexpected('checkEscalation'),
    },
  });
  const running = worker.run();
  const relay = world.relayTo(
    createMessageHandler({
      dispatcher,
      emitter: { emit: async (event) => void emits.push(event) },
      syncDriver: async () => {},
      releaseDriver: async () => {},
      merchantSuspended: async () => {},
      zoneAct: async () => {},
      driverFree: async () => {},
      notify: async () => {},
    }),
  );
  const nextAt = async ({ deliveryId }: RunningDelivery): Promise<number | undefined> => {
    const state = await world.deps.store.readUnlocked(deliveryId, {
      offerIds: [],
      driverIds: [],
      pickFrom: [],
      pickAtMost: 0,
    });
    if (!state) throw new Error(`delivery ${deliveryId} has no row`);
    const { escalation, batchMatching } = world.switches;
    return nextDeadline(snapshotOf(state, world.deps.limits, { escalation, batchMatching }))?.at;
  };
  const settle = async (delivery: RunningDelivery): Promise<number> => {
    for (let tries = 0; tries < 1_000; tries += 1) {
      const at = (await nextAt(delivery)) ?? Infinity;
      if (at > (await env.currentTimeMs())) return at;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error('the delivery did not act at its deadline');
  };
  return {
    ...world,
    env,
    client,
    emits,
    pass: async (delivery, ms) => {
      const end = (await env.currentTimeMs()) + ms;
      for (let now = end - ms; now < end; now = await env.currentTimeMs()) {
        await env.sleep(Math.ceil(Math.min(end, await settle(delivery)) - now));
      }
      await settle(delivery);
    },
    dispatch: async ({ news, ...wanted } = {}) => {
      const { deliveryId, sellerOrderId } = await world.addDelivery(wanted);
      if (news) await dispatcher.signalOfferWithdrawn(deliveryId, { offerId: '', correlationId: 'test' });
      else await dispatcher.startDelivery(deliveryId, 'test');
      const workflowId = deliveryWorkflowId(MERCHANT, sellerOrderId);
      const delivery = { deliveryId, workflowId, handle: client.workflow.getHandle(workflowId) };
      dispatched.push(delivery);
      return delivery;
    },
    endAll: async () => {
      for (const { handle } of dispatched.splice(0)) {
        // By an update, not by terminate: the test server's clock stands still after that. One that is
        // carried has no timer and may stay.
        await handle
          .executeUpdate(COMMANDS.cancelDelivery.update, {
            args: [{ by: { kind: 'ops', id: 'test' }, reason: 'OPS_CANCELLED', correlationId: 'test' }],
          })
          .catch(() => undefined);
      }
    },
    close: async () => {
      await relay.stop();
      worker.shutdown();
      await running;
      await env.teardown();
      await world.close();
    },
  };
}

import {
  type Client,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
  type WorkflowStartOptions,
} from '@temporalio/client';
import {
  availabilityWorkflowId,
  cityDispatchWorkflowId,
  type CommandRequest,
  COMMANDS,
  type DeliveryInput,
  deliveryWorkflowId,
  driverCameFree,
  driverLeft,
  driverProposed,
  driverRescued,
  offerWithdrawn,
  roundDue,
  searchAttributes,
  TASK_QUEUE,
  timedStateChanged,
  WORKFLOWS,
} from '../../workflows/contract';
import { type Answer } from '../../domain/delivery/deliveryState';
import { type ActCommand } from '../../domain/zones/zoneAct';
import { type Dispatcher, type NewOrder } from '../../services/ports';
import { type Database, readerOf, sql } from '../postgres/database';

type Started = NewOrder & { id: string; status: string };

/** Time limit of one call to Temporal; the outbox retries. */
const CALL_TIMEOUT_MS = 5_000;
/**
 * Leaves room for two transactions at their slowest without a heartbeat. Clients of a worker that was killed
 * in mid-task wait this long (ADR 8).
 */
const WORKFLOW_TASK_TIMEOUT_MS = 5_000;

/**
 * Passes the outbox's messages on to Temporal. Every message about an open delivery starts its workflow where
 * none runs, so that none gets lost. The workflow id is made from the merchant's key, so that two retries
 * meet the same run (docs/behaviour.md#deliveries).
 */
export function createDispatcher(
  client: Client,
  db: Database,
  { workflowTaskTimeoutMs = WORKFLOW_TASK_TIMEOUT_MS }: { workflowTaskTimeoutMs?: number } = {},
): Dispatcher {
  const open = async (deliveryId: string): Promise<Started | null> => {
    const [delivery] = await readerOf(db)<Started>(sql`
      SELECT id, merchant_id AS "merchantId", seller_order_id AS "sellerOrderId", city_id AS "cityId",
        zone_id AS "zoneId", status
      FROM deliveries WHERE id = ${deliveryId}::uuid AND closed_at IS NULL`);
    return delivery ?? null;
  };
  const send = async (
    deliveryId: string,
    correlationId: string,
    act: (started: Started, options: StartOptions) => Promise<unknown>,
    order?: NewOrder,
  ): Promise<void> => {
    const delivery = order ? { ...order, id: deliveryId, status: 'PENDING' } : await open(deliveryId);
    if (!delivery) return;
    await client.withDeadline(Date.now() + CALL_TIMEOUT_MS, () =>
      act(delivery, {
        ...startOptions(delivery, correlationId),
        workflowTaskTimeout: workflowTaskTimeoutMs,
      }),
    );
  };
  const { workflow } = client;
  return {
    startDelivery: (deliveryId, correlationId, order) =>
      send(
        deliveryId,
        correlationId,
        (_delivery, options) => workflow.start(WORKFLOWS.delivery, options),
        order,
      ),
    signalDriverLeft: (deliveryId, payload) =>
      send(deliveryId, payload.correlationId, (_delivery, options) =>
        workflow.signalWithStart(WORKFLOWS.delivery, {
          ...options,
          signal: driverLeft,
          signalArgs: [payload],
        }),
      ),
    signalDriverRescued: (deliveryId, payload) =>
      send(deliveryId, payload.correlationId, (_delivery, options) =>
        workflow.signalWithStart(WORKFLOWS.delivery, {
          ...options,
          signal: driverRescued,
          signalArgs: [payload],
        }),
      ),
    sendCommand: async (deliveryId, command, { scope, correlationId }) => {
      const delivery = await open(deliveryId);
      if (!delivery) return null;
      try {
        return await client.withDeadline(Date.now() + CALL_TIMEOUT_MS, () =>
          updateBy(client, delivery, command, {
            request: { deliveryId, scope, hasKey: true },
            correlationId,
          }),
        );
      } catch (error) {
        // Without a run it waits for ever: the retry finds the one that begins here.
        if (error instanceof WorkflowNotFoundError)
          await workflow.start(WORKFLOWS.delivery, {
            ...startOptions(delivery, correlationId),
            workflowTaskTimeout: workflowTaskTimeoutMs,
          });
        throw error;
      }
    },
    signalOfferWithdrawn: (deliveryId, payload) =>
      send(deliveryId, payload.correlationId, (_delivery, options) =>
        workflow.signalWithStart(WORKFLOWS.delivery, {
          ...options,
          signal: offerWithdrawn,
          signalArgs: [payload],
        }),
      ),
    wake: (deliveryId, payload) =>
      send(deliveryId, payload.correlationId, (_delivery, options) =>
        workflow.signalWithStart(WORKFLOWS.delivery, {
          ...options,
          signal: driverCameFree,
          signalArgs: [payload],
        }),
      ),
    propose: (deliveryId, payload) =>
      send(deliveryId, payload.correlationId, (_delivery, options) =>
        workflow.signalWithStart(WORKFLOWS.delivery, {
          ...options,
          signal: driverProposed,
          signalArgs: [payload],
        }),
      ),
    callRound: async (cityId, correlationId) => {
      await client.withDeadline(Date.now() + CALL_TIMEOUT_MS, () =>
        workflow.signalWithStart(WORKFLOWS.cityDispatch, {
          workflowId: cityDispatchWorkflowId(cityId),
          taskQueue: TASK_QUEUE,
          workflowTaskTimeout: workflowTaskTimeoutMs,
          args: [{ cityId, correlationId }],
          signal: roundDue,
          signalArgs: [{ correlationId }],
          typedSearchAttributes: [{ key: searchAttributes.city, value: cityId }],
          staticSummary: `the matching of ${cityId}`,
        }),
      );
    },
    endAvailabilityLater: async ({ driverId, state, until, correlationId }) => {
      await client.withDeadline(Date.now() + CALL_TIMEOUT_MS, () =>
        workflow.signalWithStart(WORKFLOWS.timedAvailability, {
          workflowId: availabilityWorkflowId(driverId),
          taskQueue: TASK_QUEUE,
          workflowTaskTimeout: workflowTaskTimeoutMs,
          args: [{ driverId, state, until, correlationId }],
          signal: timedStateChanged,
          signalArgs: [{ state, until, correlationId }],
          staticSummary: `the timed state of driver ${driverId}`,
        }),
      );
    },
  };
}

function updateBy(
  client: Client,
  { merchantId, sellerOrderId }: Started,
  command: ActCommand,
  { request, correlationId }: { request: CommandRequest; correlationId: string },
): Promise<Answer> {
  const handle = client.workflow.getHandle(deliveryWorkflowId(merchantId, sellerOrderId));
  switch (command.kind) {
    case 'raisePay': {
      const { kind, ...fields } = command;
      const payload = { ...fields, correlationId };
      const updateId = COMMANDS[kind].updateId(payload, request);
      return handle.executeUpdate(COMMANDS[kind].update, { args: [payload], updateId });
    }
    case 'cancelDelivery': {
      const { kind, ...fields } = command;
      const payload = { ...fields, correlationId };
      const updateId = COMMANDS[kind].updateId(payload, request);
      return handle.executeUpdate(COMMANDS[kind].update, { args: [payload], updateId });
    }
    case 'searchFarther': {
      const { kind, ...fields } = command;
      const payload = { ...fields, correlationId };
      const updateId = COMMANDS[kind].updateId(payload, request);
      return handle.executeUpdate(COMMANDS[kind].update, { args: [payload], updateId });
    }
  }
}

type StartOptions = WorkflowStartOptions & { args: [DeliveryInput] };

function startOptions(delivery: Started, correlationId: string): StartOptions {
  const { id: deliveryId, merchantId, sellerOrderId, cityId } = delivery;
  return {
    workflowId: deliveryWorkflowId(merchantId, sellerOrderId),
    taskQueue: TASK_QUEUE,
    args: [{ deliveryId, correlationId }],
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    // The row decides: a run that completed does not count where its delivery is open, as after a restore (ADR 31).
    workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
    typedSearchAttributes: attributesOf(delivery),
    staticSummary: `delivery ${deliveryId} in ${cityId}`,
    staticDetails: `Order of merchant ${merchantId}. The record is in PostgreSQL: GET /v2/deliveries/${deliveryId}.`,
  };
}

function attributesOf({
  cityId,
  zoneId,
  merchantId,
  status,
}: Started): NonNullable<WorkflowStartOptions['typedSearchAttributes']> {
  return [
    { key: searchAttributes.deliveryStatus, value: status },
    { key: searchAttributes.city, value: cityId },
    { key: searchAttributes.merchantId, value: merchantId },
    { key: searchAttributes.escalationLevel, value: 0 },
    ...(zoneId === null ? [] : [{ key: searchAttributes.zone, value: zoneId }]),
  ];
}

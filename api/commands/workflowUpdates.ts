import { type Client, Connection, type ConnectionOptions } from '@temporalio/client';
import type { Answer } from '../../domain/delivery/deliveryState';
import type { WorkflowUpdates } from './commandSender';

/**
 * Connects with the first call, so that orders are taken while Temporal is away, and comes back within a
 * second of it. Without the client's own retries: whoever calls has a deadline and knows what may be sent
 * again, and a retry that is pending when the connection closes would end the process.
 */
export function connectTemporal({
  address,
  tls,
  apiKey,
  metadata,
}: Pick<ConnectionOptions, 'address' | 'tls' | 'apiKey' | 'metadata'>): Connection {
  const channelArgs = { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 1_000 };
  return Connection.lazy({ address, tls, apiKey, metadata, channelArgs, interceptors: [] });
}

/** Updates of running workflows through Temporal. */
export function createWorkflowUpdates(client: Client): WorkflowUpdates {
  return {
    execute: (workflowId, { command, payload, updateId }, deadlineAt) =>
      client.withDeadline(deadlineAt, () =>
        client.workflow.getHandle(workflowId).executeUpdate(command.update, { args: [payload], updateId }),
      ),
    recall: (workflowId, updateId, deadlineAt) =>
      client.withDeadline(deadlineAt, () =>
        client.workflow.getHandle(workflowId).getUpdateHandle<Answer>(updateId).result(),
      ),
  };
}

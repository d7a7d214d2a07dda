import { type Client, Connection, type ConnectionOptions } from '@temporalio/client';
import type { Answer } from '../../domain/delivery/deliveryState';
import type { WorkflowUpdates } from './commandSender';

/**
 * Connects on the first call, so that the API takes orders while Temporal is unavailable. Reconnects within a
 * second. The client's own retries are off: callers have a deadline and know what they may retry, and a retry
 * that is pending when the connection closes would crash the process.
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

/** Sends updates to running workflows through Temporal. */
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

import { type Client, Connection, type ConnectionOptions } from '@temporalio/client';
import type { Answer } from '../../domain/delivery/deliveryState';
import {
  acceptOffer,
  assignDriver,
  cancelDelivery,
  failDelivery,
  handOver,
  leaveDelivery,
  raisePay,
  rejectOffer,
  rescueDelivery,
  resumeSearch,
  takeStep,
} from '../../workflows/contract';
import type { Question, WorkflowUpdates } from './answers';

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
    execute: (workflowId, question, updateId, deadlineAt) =>
      client.withDeadline(deadlineAt, () => execute(client, workflowId, question, updateId)),
    recall: (workflowId, updateId, deadlineAt) =>
      client.withDeadline(deadlineAt, () =>
        client.workflow.getHandle(workflowId).getUpdateHandle<Answer>(updateId).result(),
      ),
  };
}

function execute(client: Client, workflowId: string, question: Question, updateId: string): Promise<Answer> {
  const workflow = client.workflow.getHandle(workflowId);
  switch (question.kind) {
    case 'acceptOffer':
      return workflow.executeUpdate(acceptOffer, { args: [question.args], updateId });
    case 'rejectOffer':
      return workflow.executeUpdate(rejectOffer, { args: [question.args], updateId });
    case 'takeStep':
      return workflow.executeUpdate(takeStep, { args: [question.args], updateId });
    case 'failDelivery':
      return workflow.executeUpdate(failDelivery, { args: [question.args], updateId });
    case 'cancelDelivery':
      return workflow.executeUpdate(cancelDelivery, { args: [question.args], updateId });
    case 'assignDriver':
      return workflow.executeUpdate(assignDriver, { args: [question.args], updateId });
    case 'handOver':
      return workflow.executeUpdate(handOver, { args: [question.args], updateId });
    case 'leaveDelivery':
      return workflow.executeUpdate(leaveDelivery, { args: [question.args], updateId });
    case 'rescueDelivery':
      return workflow.executeUpdate(rescueDelivery, { args: [question.args], updateId });
    case 'raisePay':
      return workflow.executeUpdate(raisePay, { args: [question.args], updateId });
    case 'resumeSearch':
      return workflow.executeUpdate(resumeSearch, { args: [question.args], updateId });
  }
}

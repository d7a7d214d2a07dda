import { type Client, isGrpcServiceError, ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { offerWithdrawn, WORKFLOWS } from '../../workflows/contract';
import { type RunningDeliveries } from '../../activities/sweeps/openRows';

const RUNNING = `WorkflowType = '${WORKFLOWS.delivery}' AND ExecutionStatus = 'Running'`;

/** The running delivery workflows, by the cluster's visibility store. */
export function createRunningDeliveries(client: Client): RunningDeliveries {
  return {
    list: async function* () {
      for await (const { workflowId } of client.workflow.list({ query: RUNNING, pageSize: 1_000 }))
        yield workflowId;
    },
    stuck: async (limit) => {
      const query = `${RUNNING} AND TemporalReportedProblems IN ('${TASK_FAILED}')`;
      const found: string[] = [];
      try {
        for await (const { workflowId } of client.workflow.list({ query, pageSize: limit }))
          if (found.push(workflowId) === limit) break;
      } catch (error) {
        if (!isUnknownAttribute(error)) throw error;
      }
      return found;
    },
    end: async (workflowId, why) => {
      try {
        await client.workflow.getHandle(workflowId).terminate(why);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
    isRunning: async (workflowId) => {
      try {
        return (await client.workflow.getHandle(workflowId).describe()).status.name === 'RUNNING';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return false;
        throw error;
      }
    },
  };
}

/**
 * Makes a running delivery read its row again. A run that has ended since visibility listed it needs no
 * message.
 */
export function createReevaluate(
  client: Client,
  newCorrelationId: () => string,
): (workflowId: string) => Promise<void> {
  return async (workflowId) => {
    try {
      await client.workflow
        .getHandle(workflowId)
        .signal(offerWithdrawn, { offerId: '', correlationId: newCorrelationId() });
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  };
}

/**
 * Not `category=WorkflowTaskTimedOut`: tasks time out where workers are killed, frozen or late, and such runs
 * go on by themselves.
 */
const TASK_FAILED = 'category=WorkflowTaskFailed';

const INVALID_ARGUMENT = 3;

/** Servers before 1.30 do not report these problems. */
function isUnknownAttribute(error: unknown): boolean {
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && Number(cause.code) === INVALID_ARGUMENT;
}

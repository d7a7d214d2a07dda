import { type Client, isGrpcServiceError, ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { cityOfDispatch, offerWithdrawn, WORKFLOWS } from '../../workflows/contract';
import { type HungOwner, type RunningDeliveries } from '../../activities/sweeps/openRows';

const RUNNING = `WorkflowType = '${WORKFLOWS.delivery}' AND ExecutionStatus = 'Running'`;
const OWNERS = `WorkflowType = '${WORKFLOWS.cityDispatch}' AND ExecutionStatus = 'Running'`;
/** Ids in one query: visibility stores limit its length. */
const IDS_A_QUERY = 100;

/** The running delivery workflows, by the cluster's visibility store. */
export function createRunningDeliveries(client: Client): RunningDeliveries {
  return {
    count: async () => (await client.workflow.count(RUNNING)).count,
    amongRunning: async (workflowIds) => {
      const found = new Set<string>();
      for (let from = 0; from < workflowIds.length; from += IDS_A_QUERY) {
        const ids = workflowIds.slice(from, from + IDS_A_QUERY).map(quoted);
        const query = `${RUNNING} AND WorkflowId IN (${ids.join(', ')})`;
        for await (const { workflowId } of client.workflow.list({ query, pageSize: IDS_A_QUERY }))
          found.add(workflowId);
      }
      return found;
    },
    list: async function* (startedUntil) {
      const query =
        startedUntil === null
          ? RUNNING
          : `${RUNNING} AND StartTime < '${new Date(startedUntil + 1).toISOString()}'`; // of a whole ms
      for await (const { workflowId, startTime } of client.workflow.list({ query, pageSize: 1_000 }))
        yield { workflowId, startedAt: startTime.getTime() };
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
    hungOwners: async (pendingBefore) => {
      const found: HungOwner[] = [];
      const query = `${OWNERS} AND StartTime < '${new Date(pendingBefore).toISOString()}'`;
      for await (const { workflowId } of client.workflow.list({ query, pageSize: IDS_A_QUERY })) {
        const cityId = cityOfDispatch(workflowId);
        if (cityId !== undefined && (await isPending(client, workflowId, pendingBefore)))
          found.push({ workflowId, cityId });
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
 * A string of Temporal's query language. Workflow ids are URI components, but those leave the quote as it is.
 */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
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

/** Whether its workflow task, with all its attempts, has been pending since before then (epoch ms). */
async function isPending(client: Client, workflowId: string, before: number): Promise<boolean> {
  try {
    const { raw } = await client.workflow.getHandle(workflowId).describe();
    const { seconds } = raw.pendingWorkflowTask?.originalScheduledTime ?? {};
    return seconds !== undefined && seconds !== null && Number(seconds) * 1_000 < before;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
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

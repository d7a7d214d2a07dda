import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { offerWithdrawn, WORKFLOWS } from '../../workflows/contract';
import { type RunningDeliveries } from '../openRows';

/** Running delivery workflows, as the cluster knows them. */
export function createRunningDeliveries(client: Client): RunningDeliveries {
  return {
    list: async function* () {
      const query = `WorkflowType = '${WORKFLOWS.delivery}' AND ExecutionStatus = 'Running'`;
      for await (const { workflowId } of client.workflow.list({ query, pageSize: 1_000 })) yield workflowId;
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

/** Makes a running delivery read its row again; one that ended since visibility saw it needs no news. */
export function createNudge(client: Client, newCorrelationId: () => string): (workflowId: string) => Promise<void> {
  return async (workflowId) => {
    try {
      await client.workflow.getHandle(workflowId).signal(offerWithdrawn, { offerId: '', correlationId: newCorrelationId() });
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  };
}

import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { WORKFLOWS } from '../../workflows/contract';
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

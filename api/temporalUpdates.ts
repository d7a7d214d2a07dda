import type { Client } from '@temporalio/client';
import type { Answer } from '../domain/truth';
import { acceptOffer, assignDriver, cancelDelivery, failDelivery, rejectOffer, takeStep } from '../workflows/contract';
import type { Question, WorkflowUpdates } from './answers';

/** Updates of running workflows through Temporal. */
export function createWorkflowUpdates(client: Client): WorkflowUpdates {
  return {
    execute: (workflowId, question, updateId, deadlineAt) => client.withDeadline(deadlineAt, () => execute(client, workflowId, question, updateId)),
  };
}

function execute(client: Client, workflowId: string, question: Question, updateId: string): Promise<Answer> {
  const workflow = client.workflow.getHandle(workflowId);
  switch (question.kind) {
    case 'acceptOffer': return workflow.executeUpdate(acceptOffer, { args: [question.args], updateId });
    case 'rejectOffer': return workflow.executeUpdate(rejectOffer, { args: [question.args], updateId });
    case 'takeStep': return workflow.executeUpdate(takeStep, { args: [question.args], updateId });
    case 'failDelivery': return workflow.executeUpdate(failDelivery, { args: [question.args], updateId });
    case 'cancelDelivery': return workflow.executeUpdate(cancelDelivery, { args: [question.args], updateId });
    case 'assignDriver': return workflow.executeUpdate(assignDriver, { args: [question.args], updateId });
  }
}

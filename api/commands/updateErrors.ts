import { ApplicationFailure, WorkflowNotFoundError } from '@temporalio/common';
import {
  isGrpcServiceError,
  ServiceError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { CLOSED } from '../../workflows/contract';

/**
 * `over`: the run does not exist or has ended. `later`: the outcome is unknown, retry. `fault`: a retry fails too.
 */
export type UpdateErrorMeaning = 'over' | 'later' | 'fault';

/**
 * Failures that the server returns in place of a result. With many updates in flight it returns
 * `UnprocessedUpdate` although the handler ran.
 */
const SERVER_FAILURES = { over: 'AcceptedUpdateCompletedWorkflow', later: 'UnprocessedUpdate' } as const;

/**
 * gRPC status codes for which a retry is useless: INVALID_ARGUMENT, PERMISSION_DENIED, UNIMPLEMENTED,
 * UNAUTHENTICATED.
 */
const NOT_RETRYABLE: readonly number[] = [3, 7, 12, 16];

/** What an error of the Temporal client means for an update that was sent. */
export function meaningOf(error: unknown): UpdateErrorMeaning {
  if (error instanceof WorkflowNotFoundError) return 'over';
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return 'later';
  if (error instanceof WorkflowUpdateFailedError) return meaningOfFailure(error.cause);
  if (error instanceof ServiceError) return meaningOfStatus(error.cause);
  return meaningOfStatus(error);
}

function meaningOfFailure(cause: unknown): UpdateErrorMeaning {
  if (!(cause instanceof ApplicationFailure)) return 'fault';
  if (cause.type === CLOSED || cause.type === SERVER_FAILURES.over) return 'over';
  return cause.type === SERVER_FAILURES.later || isUnknownToWorker(cause) ? 'later' : 'fault';
}

/**
 * During a rollout, a worker of the previous release may not know the command. The SDK has no type for this
 * failure.
 */
function isUnknownToWorker({ message }: ApplicationFailure): boolean {
  return message.startsWith('No registered handler for update');
}

function meaningOfStatus(cause: unknown): 'later' | 'fault' {
  return isGrpcServiceError(cause) && !NOT_RETRYABLE.includes(cause.code) ? 'later' : 'fault';
}

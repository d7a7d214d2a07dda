import { ApplicationFailure, WorkflowNotFoundError } from '@temporalio/common';
import {
  isGrpcServiceError,
  ServiceError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { CLOSED } from '../../workflows/contract';

/**
 * `over`: no such run, or it ended; `later`: nobody knows, ask again; `fault`: not to be healed by asking.
 */
export type UpdateErrorMeaning = 'over' | 'later' | 'fault';

/**
 * What the server puts in place of an answer. `UnprocessedUpdate` comes although the handler ran, when many
 * updates are in flight.
 */
const SERVER_FAILURES = { over: 'AcceptedUpdateCompletedWorkflow', later: 'UnprocessedUpdate' } as const;

/**
 * gRPC statuses that say that the same call will not go better later: INVALID_ARGUMENT, PERMISSION_DENIED,
 * UNIMPLEMENTED, UNAUTHENTICATED.
 */
const HOPELESS: readonly number[] = [3, 7, 12, 16];

/** What an error of Temporal's client says about an update that was sent. */
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
 * While a release is rolled out, a worker of the one before may not know the command yet. The SDK gives that
 * no type.
 */
function isUnknownToWorker({ message }: ApplicationFailure): boolean {
  return message.startsWith('No registered handler for update');
}

function meaningOfStatus(cause: unknown): 'later' | 'fault' {
  return isGrpcServiceError(cause) && !HOPELESS.includes(cause.code) ? 'later' : 'fault';
}

import { setTimeout as sleep } from 'node:timers/promises';
import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import { TransportError } from '@temporalio/worker';
import type { Logger } from 'pino';

const AGAIN_AFTER_MS = 1_000;

/** The gRPC statuses of an absent cluster: DEADLINE_EXCEEDED, UNAVAILABLE. */
const AWAY: readonly number[] = [4, 14];

/**
 * Retries what a worker needs from Temporal at its start until the cluster answers. A worker that exited
 * instead would be restarted with growing delays, and be missing when the cluster is back.
 * @throws the error of `ask` if the cluster answered
 */
export async function whenTemporalAnswers<T>(
  ask: () => Promise<T>,
  log: Pick<Logger, 'warn'>,
  againAfterMs = AGAIN_AFTER_MS,
): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isAway(error)) throw error;
      log.warn({ err: error }, 'Temporal is unreachable; the worker waits for it');
      await sleep(againAfterMs);
    }
  }
}

function isAway(error: unknown): boolean {
  if (error instanceof TransportError) return true;
  if (error instanceof ServiceError) return isAway(error.cause);
  return isGrpcServiceError(error) && AWAY.includes(error.code);
}

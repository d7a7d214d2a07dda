import { setTimeout as sleep } from 'node:timers/promises';
import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import { TransportError } from '@temporalio/worker';
import type { Logger } from 'pino';

const AGAIN_AFTER_MS = 1_000;

/** gRPC statuses of a cluster that is away: DEADLINE_EXCEEDED, UNAVAILABLE. */
const AWAY: readonly number[] = [4, 14];

/**
 * What a worker needs of Temporal before it can begin. A cluster that is away is waited for: a worker that
 * ended in place of that would be started again ever more rarely by whoever runs it, and be missing when the
 * cluster is back.
 * @throws what `ask` throws where the cluster did answer
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
      log.warn({ err: error }, 'Temporal does not answer; the worker waits for it');
      await sleep(againAfterMs);
    }
  }
}

function isAway(error: unknown): boolean {
  if (error instanceof TransportError) return true;
  if (error instanceof ServiceError) return isAway(error.cause);
  return isGrpcServiceError(error) && AWAY.includes(error.code);
}

import { cancellationSignal } from '@temporalio/activity';
import { ATTEMPT_MS } from '../workflows/contract';

/**
 * To be called in an activity, as it begins. What it returns says whether the attempt is given up: Temporal
 * said so, or our own watch does, since a process that was frozen hears of it late.
 */
export function beginAttempt(): () => boolean {
  const begunAt = performance.now();
  const signal = cancellationSignal();
  return () => signal.aborted || performance.now() - begunAt > ATTEMPT_MS;
}

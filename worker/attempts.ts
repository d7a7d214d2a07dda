import { cancellationSignal } from '@temporalio/activity';
import { ATTEMPT_MS } from '../workflows/contract';

/**
 * Call it at the start of an activity. The returned function says whether the attempt is given up: Temporal
 * cancelled it, or its time is over, of which a process that was frozen learns late.
 */
export function beginAttempt(): () => boolean {
  const begunAt = performance.now();
  const signal = cancellationSignal();
  return () => signal.aborted || performance.now() - begunAt > ATTEMPT_MS;
}

import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long the event loop is held at a time. */
const TURN_MS = 10;

/**
 * Runs steps to their end, and lets other work have its turn between them, every 10 ms.
 * @param clock ms from any instant
 */
export async function inTurns<T>(
  steps: Generator<void, T>,
  clock: () => number = () => performance.now(),
): Promise<T> {
  for (let since = clock(); ;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (clock() - since < TURN_MS) continue;
    await nextTurn();
    since = clock();
  }
}

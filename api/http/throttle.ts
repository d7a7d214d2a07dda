import { setTimeout as sleep } from 'node:timers/promises';

/** How long an answer over a limit is held back. */
const HELD_MS = 1_000;
/** The most answers held back at once: each keeps a connection open. */
const MOST_HELD = 1_000;

/** Holds an answer back, so that a client that repeats it soon learns it slowly. At most so many at once. */
export type Throttle = () => Promise<void>;

export function createThrottle(heldMs = HELD_MS, mostHeld = MOST_HELD): Throttle {
  let held = 0;
  return async () => {
    if (held >= mostHeld) return;
    held++;
    try {
      await sleep(heldMs, undefined, { ref: false });
    } finally {
      held--;
    }
  };
}

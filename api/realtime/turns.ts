/** Runs work when its turn comes. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>;

/** The longest pause between two turns while others wait, in ms. */
const MAX_PAUSE_MS = 5;

/**
 * Lets so many run at once; others wait, first come, first served. A lost process sends all its sockets to the next
 * one, which would read a thousand states at the same moment: with turns the requests beside them keep most of
 * the connections. While others wait, a turn begins after a random pause, so that several processes which lost
 * Redis together do not read in step.
 */
export function takingTurns(atOnce: number, random: () => number = Math.random): Turns {
  const waiting: (() => void)[] = [];
  let running = 0;
  const passOn = (): void => {
    const next = waiting.shift();
    if (next) setTimeout(next, random() * MAX_PAUSE_MS);
    else running -= 1;
  };
  return async (work) => {
    if (running < atOnce) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve)); // takes over the turn of one that ends
    try {
      return await work();
    } finally {
      passOn();
    }
  };
}

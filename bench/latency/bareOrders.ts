import { BARE_STEPS } from '../floor/contract';
import type { Floor } from '../floor/floor';
import { now, startEach, until } from './clock';
import type { Arrival } from './plan';
import type { Sample } from './samples';

const STEP_EVERY_MS = 500;

/**
 * Runs bare workflows on the same schedule. Measures from the start to the end of the first local activity,
 * as observed by the client, and from sending the accept update to its result. The remaining updates follow,
 * to load the server equally. Resolves when all have ended.
 */
export async function runBare(
  floor: Floor,
  { name, arrivals, signal }: { name: string; arrivals: readonly Arrival[]; signal: AbortSignal },
): Promise<Sample[]> {
  const samples: Sample[] = [];
  const live = async ({ thinkMs: [think], atMs }: Arrival, meantAt: number): Promise<void> => {
    const offerId = `bare/${name}/${atMs}`;
    const run = await floor.start(offerId);
    await run.noted;
    samples.push({ timed: 'offer', ms: now() - meantAt, offerId });
    const acceptAt = now() + think;
    const [accept, ...steps] = BARE_STEPS;
    await until(acceptAt);
    await run.take(accept);
    samples.push({ timed: 'accept', ms: now() - acceptAt, offerId });
    for (const step of steps) {
      await until(now() + STEP_EVERY_MS);
      await run.take(step);
    }
  };
  await startEach(arrivals, now(), live, signal);
  return samples;
}

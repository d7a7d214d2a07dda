import { performance } from 'node:perf_hooks';
import { pause } from '../../simulator/kit/pause';

/** One of the two sides of the comparison. */
export type Side = {
  name: string;
  /** Runs before the clock of the block starts. */
  prepare(): Promise<void>;
  /** One delivery, from its order to its end. */
  deliver(): Promise<void>;
};

export type BlockOptions = {
  /** Concurrent deliveries: as one ends, the next begins. */
  atOnce: number;
  /** Warm-up in ms, not counted. */
  warmUpMs: number;
  /** Measured interval in ms. */
  countedMs: number;
  /** Called at the start and the end of the measured interval. */
  onEdge: (edge: 'begin' | 'end') => Promise<void>;
  signal: AbortSignal;
};

/** `done`: deliveries that ended within the measured interval; `begun`: all deliveries of the block. */
export type Block = { done: number; begun: number; seconds: number; perSecond: number };

/**
 * Runs one side for a while in a closed loop. Resolves when every delivery that began has ended, so that none
 * overlaps the other side's block.
 * @throws the error of `deliver`, after the others have ended
 */
export async function runBlock(
  side: Side,
  { atOnce, warmUpMs, countedMs, onEdge, signal }: BlockOptions,
): Promise<Block> {
  await side.prepare();
  const over = new AbortController();
  const either = AbortSignal.any([over.signal, signal]);
  let [begun, ended] = [0, 0];
  const keepDelivering = async (): Promise<void> => {
    while (!either.aborted) {
      begun += 1;
      await side.deliver();
      ended += 1;
    }
  };
  const running = Promise.allSettled(
    Array.from({ length: atOnce }, () =>
      keepDelivering().catch((error: unknown) => {
        over.abort();
        throw error;
      }),
    ),
  );
  await pause(warmUpMs, either);
  await onEdge('begin');
  const [from, endedBefore] = [performance.now(), ended];
  await pause(countedMs, either);
  const [seconds, done] = [(performance.now() - from) / 1_000, ended - endedBefore];
  await onEdge('end');
  over.abort();
  const failed = (await running).find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  return { done, begun, seconds, perSecond: done / seconds };
}

import { performance } from 'node:perf_hooks';
import { pause } from '../../simulator/kit/pause';

/** One of the two that are compared. */
export type Side = {
  name: string;
  /** Before the block's clock runs. */
  prepare(): Promise<void>;
  /** One delivery, from its order to its end. */
  deliver(): Promise<void>;
};

export type BlockOptions = {
  /** Deliveries under way at the same time: as one ends the next begins. */
  atOnce: number;
  /** Not counted, in ms. */
  warmUpMs: number;
  /** Counted, in ms. */
  countedMs: number;
  /** Called when counting begins, and when it ends. */
  onEdge: (edge: 'begin' | 'end') => Promise<void>;
  signal: AbortSignal;
};

/**
 * `done`: deliveries that ended while it was counted; `begun`: all of the block, warm-up and what ended after
 * included.
 */
export type Block = { done: number; begun: number; seconds: number; perSecond: number };

/**
 * One side at work for a while, in a closed loop. Resolves when all that began has ended, so that nothing of
 * it is left for the other side's block.
 * @throws what `deliver` throws, when the rest has ended
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

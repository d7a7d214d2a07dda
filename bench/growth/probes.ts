import { performance } from 'node:perf_hooks';
import pTimeout from 'p-timeout';
import { requireSuccess } from '../../simulator/client/service';
import { pause } from '../../simulator/kit/pause';
import type { Field, Slot } from './field';

/** An offer that does not arrive within this time counts with this latency. */
const LATE_MS = 30_000;
/** The first probes hit cold caches and are not counted. */
const UNCOUNTED = 4;

/**
 * Places orders at a rate (per second), round-robin over the slots, and cancels each once its offer arrived.
 * @returns ms from sending the order to the offer at the driver's socket
 */
export async function probe(
  field: Field,
  { probes, rate }: { probes: number; rate: number },
  signal: AbortSignal,
): Promise<number[]> {
  const took: number[] = [];
  const turns: Promise<void>[] = field.slots.map(() => Promise.resolve());
  for (let count = 0; count < probes + UNCOUNTED && !signal.aborted; count += 1) {
    const at = count % field.slots.length;
    const [slot, before] = [field.slots[at], turns[at]];
    if (!slot || !before) throw new Error('there is no such slot');
    turns[at] = before
      .then(() => probeSlot(field, slot))
      .then((ms) => void (count >= UNCOUNTED && took.push(ms)));
    await Promise.all([pause(1_000 / rate, signal), before]);
  }
  await Promise.all(turns);
  return took;
}

async function probeSlot(field: Field, slot: Slot): Promise<number> {
  const { merchant } = field;
  const begun = performance.now();
  const { deliveryId } = requireSuccess('an order', await merchant.post(slot.order()));
  const at = await pTimeout(field.offered(deliveryId), {
    milliseconds: LATE_MS,
    fallback: () => begun + LATE_MS,
  });
  requireSuccess('cancelling', await merchant.cancel(deliveryId, 'MERCHANT_CANCELLED'));
  return at - begun;
}

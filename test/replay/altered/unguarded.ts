/**
 * The delivery with an incompatible change: one more timer, without `patched`. The replay of recorded
 * histories must fail.
 */
import { sleep } from '@temporalio/workflow';
import { delivery as asItIs } from '../../../workflows/delivery';
import type { DeliveryInput } from '../../../workflows/contract';

export async function delivery(input: DeliveryInput): Promise<string> {
  await sleep(1_000);
  return asItIs(input);
}

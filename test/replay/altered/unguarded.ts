/**
 * The delivery as somebody might change it without a thought for those that run: a timer more. Recorded
 * histories must refuse it.
 */
import { sleep } from '@temporalio/workflow';
import { delivery as asItIs } from '../../../workflows/delivery';
import type { DeliveryInput } from '../../../workflows/contract';

export async function delivery(input: DeliveryInput): Promise<string> {
  await sleep(1_000);
  return asItIs(input);
}

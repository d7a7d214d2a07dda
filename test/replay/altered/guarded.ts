/**
 * The same change behind `patched`: running workflows continue without it. Recorded histories must replay.
 */
import { patched, sleep } from '@temporalio/workflow';
import { delivery as asItIs } from '../../../workflows/delivery';
import type { DeliveryInput } from '../../../workflows/contract';

export async function delivery(input: DeliveryInput): Promise<string> {
  if (patched('wait-a-second')) await sleep(1_000);
  return asItIs(input);
}

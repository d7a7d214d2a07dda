import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { UsageError } from '../../simulator/kit/arguments';
import type { PolicyFigures } from './figures';

const run = promisify(execFile);

/** The policies of mdrp_policies.py. */
const REFERENCES = ['fifo', 'closest', 'lookahead'] as const;

const LINE = z.object({
  policy: z.string(),
  day: z.string(),
  orders: z.number(),
  delivered_pct: z.number(),
  click_to_door_mean_min: z.number(),
  click_to_door_all_min: z.number(),
  click_to_door_p90_min: z.number().nullable(),
  over_target_pct: z.number(),
  ready_to_pickup_mean_min: z.number(),
  pay_per_order: z.number(),
  orders_per_trip: z.number(),
});

/**
 * The figures of the reference policies on the same days, by mdrp_policies.py in `toolsDir`.
 * @throws UsageError where python3 cannot run it
 */
export async function besideFigures(
  toolsDir: string,
  folders: readonly string[],
  signal: AbortSignal,
): Promise<PolicyFigures[]> {
  const figures: PolicyFigures[] = [];
  for (const policy of REFERENCES) {
    const text = await output([join(toolsDir, 'mdrp_policies.py'), policy, ...folders], signal);
    for (const line of text.split('\n')) if (line.trim() !== '') figures.push(LINE.parse(JSON.parse(line)));
  }
  return figures;
}

async function output(args: readonly string[], signal: AbortSignal): Promise<string> {
  try {
    const { stdout } = await run('python3', args, { signal, maxBuffer: 16 * 2 ** 20 });
    return stdout;
  } catch (error) {
    if (signal.aborted) throw error;
    throw new UsageError(
      `python3 ${args.join(' ')}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

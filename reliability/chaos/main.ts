/**
 * npm run verify -- chaos [--seconds 300] [--seed TEXT] [--burst N] [--matching PERCENT] [--drivers N] [--every 2]
 *   [--plan]
 *
 * Runs the demo city on two workers and two APIs while processes, servers and connections are killed, frozen,
 * restarted, cut, delayed and stalled. The seed determines the plan, which is printed first. Afterwards the
 * open deliveries finish, and the run is judged. scripts/chaos.mjs starts and controls PostgreSQL, Redis and
 * Temporal.
 *
 *   --burst N            places N orders at once in the middle; by default one seed in five has a burst of 100
 *   --matching PERCENT   of the deliveries, the drivers are chosen by the city's matching (0 = it is off), which has
 *                        faults of its own; by default 0, 50 or 100 by the seed
 *   --drivers N          40 by default; 12 with matching on, so that deliveries wait for it
 *   --plan               prints the plan and exits
 *
 * Progress goes to stderr, one line of JSON to stdout.
 * Exit code: 0 = no violation, 1 = a violation, or the run failed, 2 = invalid arguments or settings.
 */
import { parseArgs } from 'node:util';
import { machine, serverVersions } from '../../bench/machine';
import { sentenceOf } from '../checker/violation';
import { countOf, UsageError, numberOf } from '../../simulator/kit/arguments';
import { readInspectorSettings } from '../../simulator/kit/environment';
import { log, runProgram } from '../../simulator/kit/program';
import { randomFrom } from '../../simulator/kit/random';
import { drawnMatchingPercent } from './matchingPlan';
import { nameOf, type PlannedFault, planOf, wordsOf } from './plan';
import { type ChaosFigures, type ChaosOptions, runChaos } from './run';
import { serversOf } from './servers';

/** With matching on, so few that deliveries wait for rounds all the time: where drivers are plenty, hardly any do. */
const driversFor = (matchingPercent: number): number => (matchingPercent > 0 ? 12 : 40);

type Options = Omit<ChaosOptions, 'plan'> & { burst: number | null; isPlanOnly: boolean };

function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    strict: true,
    options: {
      seconds: { type: 'string', default: '300' },
      seed: { type: 'string', default: String(Date.now()) },
      burst: { type: 'string' },
      matching: { type: 'string' },
      drivers: { type: 'string' },
      every: { type: 'string', default: '2' },
      plan: { type: 'boolean', default: false },
    },
  });
  const matchingPercent =
    values.matching === undefined
      ? drawnMatchingPercent(randomFrom(`${values.seed}/matching`))
      : countOf('--matching', values.matching, { min: 0, max: 100 });
  return {
    seconds: countOf('--seconds', values.seconds, { min: 20, max: 86_400 }),
    seed: values.seed,
    burst: values.burst === undefined ? null : countOf('--burst', values.burst, { min: 0, max: 1_000 }),
    matchingPercent,
    drivers: countOf('--drivers', values.drivers ?? String(driversFor(matchingPercent)), {
      min: 5,
      max: 500,
    }),
    everyMs: numberOf('--every', values.every, { min: 0.1, max: 60 }) * 1_000,
    isPlanOnly: values.plan,
  };
}

async function main(signal: AbortSignal): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const { seed, seconds, matchingPercent } = options;
  const plan = planOf(options);
  log(
    `seed ${seed}, ${seconds} s, matching of ${matchingPercent} %, ` +
      `${plan.length} faults:\n${plan.map(wordsOf).join('\n')}`,
  );
  if (options.isPlanOnly) {
    process.stdout.write(`${JSON.stringify({ seed, seconds, matchingPercent, plan })}\n`);
    return 0;
  }
  const temporalAddress = process.env.TEMPORAL_ADDRESS;
  if (temporalAddress === undefined || process.send === undefined)
    throw new UsageError('run this with npm run verify -- chaos, which starts the servers');
  const settings = readInspectorSettings({ API_URL: 'http://127.0.0.1', ...process.env });
  const versions = await serverVersions(settings);
  const startedAt = Date.now();
  const figures = await runChaos(
    { ...options, plan },
    { settings, temporalAddress, env: process.env, servers: serversOf(process), log },
    signal,
  );
  signal.throwIfAborted();
  return conclude(options, plan, figures, {
    tookSeconds: Math.round((Date.now() - startedAt) / 1_000),
    ...machine(),
    ...versions,
  });
}

function conclude(
  { seed, seconds, burst, matchingPercent }: Options,
  plan: readonly PlannedFault[],
  figures: ChaosFigures,
  on: object,
): number {
  const { broken, recoveries } = figures;
  for (const [name, { times, worstMs }] of Object.entries(recoveries)) {
    const recovered = worstMs === null ? 'not recovered' : `recovered after at most ${worstMs} ms`;
    log(`  ${name.padEnd(24)} ${String(times).padStart(3)} times, ${recovered}`);
  }
  for (const problem of broken) log(`broken: ${sentenceOf(problem)}`);
  const kinds: Record<string, number> = {};
  for (const { fault } of plan) kinds[nameOf(fault)] = (kinds[nameOf(fault)] ?? 0) + 1;
  process.stdout.write(
    `${JSON.stringify({ seed, seconds, burst, matchingPercent, planned: kinds, ...figures, ...on })}\n`,
  );
  return broken.length === 0 ? 0 : 1;
}

runProgram(main);

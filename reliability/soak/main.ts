/**
 * npm run verify -- soak [--minutes 30] [--drivers 60] [--every SECONDS] [--speed X] [--seed TEXT]
 *                        [--sample SECONDS] [--csv FILE] [--programs FOLDER]
 *
 * Runs a steady load of the demo city on a worker and an API that it starts on the given PostgreSQL, Redis
 * and Temporal: orders, positions, breaks, rejections, expiries, cancellations, drivers who go silent for a
 * while, sockets that come and go, ops who intervene. It samples the resources of each process and server.
 * Then leaks.ts and resources.ts judge whether any of them leaks, whether all are released after the load,
 * and whether PostgreSQL, workflows, live map and acknowledged results agree.
 *
 *   --every      mean interval between orders (1 s)
 *   --speed      how many times faster than in reality the drivers are (60)
 *   --sample     seconds between samples (10); every sixth also runs a garbage collection in worker and API,
 *                to measure their live heap
 *   --csv        writes all samples to this file
 *   --programs   the folder of the compiled worker and API, to test another build
 *
 * A table goes to stderr, one line of JSON to stdout.
 * Exit code: 0 = no leak and no violation, 1 = a leak or a violation, 2 = invalid arguments or settings.
 */
import { parseArgs } from 'node:util';
import { machine, serverVersions } from '../../bench/machine';
import { countOf, numberOf } from '../../simulator/kit/arguments';
import { readInspectorSettings } from '../../simulator/kit/environment';
import { log, runProgram } from '../../simulator/kit/program';
import { resourcesOf, tableOf, writeCsv } from './report';
import { judgeAll } from './resources';
import { soak, type SoakOptions } from './run';

const SECONDS = { min: 0.1, max: 3_600 };
const THOROUGH_EVERY = 6;
/** A sixth of the run, at most five minutes. */
const LONGEST_WARM_UP_S = 300;
const MAX_BROKEN_SHOWN = 50;

function readOptions(args: string[]): SoakOptions & { csv: string | undefined } {
  const { values } = parseArgs({
    args,
    strict: true,
    options: {
      minutes: { type: 'string', default: '30' },
      drivers: { type: 'string', default: '60' },
      every: { type: 'string', default: '1' },
      speed: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Date.now()) },
      sample: { type: 'string', default: '10' },
      csv: { type: 'string' },
      programs: { type: 'string' },
    },
  });
  return {
    minutes: numberOf('--minutes', values.minutes, { min: 0.1, max: 10_080 }),
    drivers: countOf('--drivers', values.drivers, { min: 1, max: 1_000 }),
    everyMs: numberOf('--every', values.every, SECONDS) * 1_000,
    speed: numberOf('--speed', values.speed, { min: 0.1, max: 1_000 }),
    seed: values.seed,
    sampleEveryMs: numberOf('--sample', values.sample, SECONDS) * 1_000,
    thoroughEvery: THOROUGH_EVERY,
    programs: values.programs,
    csv: values.csv,
  };
}

async function main(signal: AbortSignal): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const settings = readInspectorSettings(process.env);
  const { samples, orders, figures, broken, slowness } = await soak(
    settings,
    options,
    process.env,
    log,
    signal,
  );
  if (options.csv !== undefined) writeCsv(options.csv, samples);
  const judged = judgeAll(samples, Math.min(LONGEST_WARM_UP_S, (options.minutes * 60) / 6));
  const leaks = [...judged].flatMap(([name, { verdict }]) => (verdict === 'leaks' ? [name] : []));
  log(tableOf(judged));
  for (const name of leaks) log(`leaks: ${name}`);
  for (const problem of broken.slice(0, MAX_BROKEN_SHOWN)) log(`broken: ${problem}`);
  const { minutes, drivers, everyMs, speed, seed } = options;
  process.stdout.write(
    `${JSON.stringify({
      minutes,
      drivers,
      everySeconds: everyMs / 1_000,
      speed,
      seed,
      deliveries: orders,
      samples: samples.length,
      leaks,
      broken: broken.length,
      slowness: { mean: Number(slowness.mean.toFixed(2)), worst: Number(slowness.worst.toFixed(2)) },
      figures,
      resources: resourcesOf(judged),
      machine: machine(),
      versions: await serverVersions(settings),
    })}\n`,
  );
  return leaks.length === 0 && broken.length === 0 ? 0 : 1;
}

runProgram(main);

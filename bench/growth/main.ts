/**
 * npm run bench -- growth [--drivers 100,1000,10000] [--deliveries 100,1000,10000] [--pending 90] [--probes 80]
 *                        [--rate 2] [--settle 60]
 *
 * Starts worker and API on the given PostgreSQL, Redis and Temporal. First grows the number of free drivers
 * of one city. Then, with those drivers off duty, grows the number of its open deliveries. These are real
 * orders with waiting workflows: `--pending` percent wait for a search that begins in hours, the others
 * search in vain, with backoff and escalation.
 *
 * At each size it waits `--settle` seconds and measures an idle interval of the same length (CPU, memory,
 * events a second). Then it measures offer latency, from sending an order to the offer at the socket of a
 * free driver, `--probes` times at `--rate` a second. An axis with one size is not measured. PostgreSQL and
 * Temporal keep the data.
 *
 * A table goes to stderr, one line of JSON to stdout.
 * Exit code: 0 = from the smallest to the largest size, p50 and p99 of offers grew by less than a fifth and
 * no cost grew faster than the size; 1 = a goal was missed; 2 = invalid arguments or settings.
 */
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { countOf, UsageError } from '../../simulator/kit/arguments';
import { connect } from '../../simulator/client/connections';
import { readInspectorSettings } from '../../simulator/kit/environment';
import { pause, poll } from '../../simulator/kit/pause';
import { log, runProgram } from '../../simulator/kit/program';
import { Closing } from '../closing';
import { machine, serverVersions } from '../machine';
import { pidsOf } from '../pids';
import { benchEnvironment, startService, stopService } from '../service';
import { type Field, openField } from './field';
import { type MeterDeps, readMeters } from './meters';
import { probe } from './probes';
import { type AxisVerdict, axisVerdict, type Step, stepFigures, type StepFigures } from './verdict';

type Options = {
  drivers: number[];
  deliveries: number[];
  pendingPercent: number;
  probes: number;
  rate: number;
  settleSeconds: number;
};

const MAX_RATIO = 1.2;
const RETRY_FOR_MS = 60_000;
/** New processes are slower than warm ones. */
const WARM_UP_PROBES = 24;
const SETTLED_WITHIN_MS = 1_800_000;

function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    strict: true,
    options: {
      drivers: { type: 'string', default: '100,1000,10000' },
      deliveries: { type: 'string', default: '100,1000,10000' },
      pending: { type: 'string', default: '90' },
      probes: { type: 'string', default: '80' },
      rate: { type: 'string', default: '2' },
      settle: { type: 'string', default: '60' },
    },
  });
  return {
    drivers: sizesOf('--drivers', values.drivers),
    deliveries: sizesOf('--deliveries', values.deliveries),
    pendingPercent: countOf('--pending', values.pending, { min: 0, max: 100 }),
    probes: countOf('--probes', values.probes, { min: 1, max: 10_000 }),
    rate: countOf('--rate', values.rate, { min: 1, max: 50 }),
    settleSeconds: countOf('--settle', values.settle, { min: 1, max: 3_600 }),
  };
}

function sizesOf(name: string, text: string): number[] {
  const sizes = text.split(',').map((each) => countOf(name, each, { min: 1, max: 1_000_000 }));
  if (sizes.some((size, at) => size <= (sizes[at - 1] ?? 0))) throw new UsageError(`${name} must rise`);
  return sizes;
}

/**
 * Escalation as in production, and positions that stay fresh without pings, whose cost another bench
 * measures. User settings are kept.
 */
function growthEnvironment(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return benchEnvironment({
    ENABLE_ESCALATION: 'true',
    LOG_LEVEL: 'error',
    POSITION_FRESH_SECONDS: '3600',
    POSITION_OFFLINE_MINUTES: '1440',
    LOST_AFTER_SILENCE_SECONDS: '86400',
    ...given,
  });
}

async function main(signal: AbortSignal): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const settings = readInspectorSettings(process.env);
  const env = growthEnvironment(process.env);
  const versions = await serverVersions(settings);
  const closing = new Closing();
  try {
    const service = closing.after(await startService(env, null), stopService);
    const db = closing.after(
      new Client({ connectionString: settings.databaseUrl, application_name: 'growth bench' }),
      (client) => client.end(),
    );
    const redis = closing.after(new Redis(settings.redisUrl), async (client) => void (await client.quit()));
    await db.connect();
    const field = closing.after(
      await openField(connect(settings, { retryForMs: RETRY_FOR_MS, signal }), log),
      ({ close }) => close(),
    );
    const meters: MeterDeps = {
      workerUrl: service.worker.url,
      pids: pidsOf(service, null, { ...settings, temporalAddress: env.TEMPORAL_ADDRESS ?? '' }),
      db,
      redis,
      clock: Date.now,
    };
    const steps = await grow(field, meters, options, signal);
    return conclude(steps, {
      ...options,
      maxCachedWorkflows: Number(env.WORKER_MAX_CACHED_WORKFLOWS ?? 1_000),
      ...machine(),
      ...versions,
    });
  } finally {
    await closing.all();
  }
}

/** Drivers first: drivers can go off duty again, waiting deliveries cannot. */
async function grow(
  field: Field,
  meters: MeterDeps,
  options: Options,
  signal: AbortSignal,
): Promise<StepFigures[]> {
  const { drivers, deliveries, pendingPercent } = options;
  const steps: StepFigures[] = [];
  const measure = async (axis: Step['axis'], size: number): Promise<void> => {
    if (signal.aborted) return;
    const step = stepFigures(await measured(field, meters, axis, size, options, signal));
    steps.push(step);
    log(JSON.stringify(step));
  };
  await probe(field, { probes: WARM_UP_PROBES, rate: options.rate }, signal);
  await field.haveWaiting(deliveries[0] ?? 0, pendingPercent);
  for (const size of drivers) {
    log(`bringing ${size} drivers on duty`);
    await field.haveOthers(size);
    if (drivers.length > 1) await measure('drivers', size);
  }
  await field.haveOthers(drivers[0] ?? 0);
  for (const size of deliveries) {
    log(`opening ${size} deliveries`);
    await field.haveWaiting(size, pendingPercent);
    if (deliveries.length > 1) await measure('deliveries', size);
  }
  return steps;
}

async function measured(
  field: Field,
  meters: MeterDeps,
  axis: Step['axis'],
  size: number,
  { probes, rate, settleSeconds }: Options,
  signal: AbortSignal,
): Promise<Step> {
  await settled(field, meters, signal);
  await pause(settleSeconds * 1_000, signal);
  const from = await readMeters(meters);
  await pause(settleSeconds * 1_000, signal);
  const to = await readMeters(meters);
  return { axis, size, offerMs: await probe(field, { probes, rate }, signal), from, to };
}

/**
 * Waits until each order's workflow has completed its first search: the API accepts orders faster than
 * workflows start.
 * @throws Error after a very long time
 */
async function settled(field: Field, meters: MeterDeps, signal: AbortSignal): Promise<void> {
  const haveAllBegun = async (): Promise<true | undefined> =>
    (await readMeters(meters)).searches.count >= field.ordered() ? true : undefined;
  const done = await poll(haveAllBegun, {
    everyMs: 1_000,
    deadlineAt: Date.now() + SETTLED_WITHIN_MS,
    signal,
  });
  if (!done && !signal.aborted)
    throw new Error(`not every workflow started within ${SETTLED_WITHIN_MS / 1_000} s`);
}

function conclude(steps: readonly StepFigures[], about: object): number {
  const verdicts = (['drivers', 'deliveries'] as const).flatMap(
    (axis) => axisVerdict(steps.filter((step) => step.axis === axis)) ?? [],
  );
  log(table(steps));
  for (const verdict of verdicts) log(words(verdict));
  process.stdout.write(`${JSON.stringify({ ...about, steps, verdicts })}\n`);
  return verdicts.every(
    ({ offerP50Ratio, offerP99Ratio, faster }) =>
      offerP50Ratio < MAX_RATIO && offerP99Ratio < MAX_RATIO && faster.length === 0,
  )
    ? 0
    : 1;
}

function words({ axis, from, to, offerP50Ratio, offerP99Ratio, bytesEach, faster }: AxisVerdict): string {
  const { worker = '?', temporal = '?', postgres, redis } = bytesEach;
  const parts = [
    `${from} to ${to} ${axis}: offer latency ×${offerP50Ratio} at p50, ×${offerP99Ratio} at p99`,
    `bytes for one more: worker ${worker}, Temporal ${temporal}, PostgreSQL ${postgres}, Redis ${redis}`,
    ...(faster.length > 0 ? [`grew faster than that: ${faster.join(', ')}`] : []),
  ];
  return parts.join('; ');
}

function table(steps: readonly StepFigures[]): string {
  const row = (cells: readonly (string | number | null)[]): string =>
    cells.map((cell, at) => (at === 0 ? String(cell).padEnd(20) : String(cell ?? '-').padStart(10))).join('');
  const lines = steps.map(
    ({
      axis,
      size,
      offerP50Ms,
      offerP99Ms,
      eventsASecond,
      searchMs,
      cpuShare,
      memoryMb,
      postgresMb,
      redisMb,
    }) =>
      row([
        `${size} ${axis}`,
        offerP50Ms,
        offerP99Ms,
        eventsASecond,
        searchMs,
        cpuShare.worker,
        cpuShare.temporal,
        cpuShare.postgres,
        memoryMb.worker,
        memoryMb.temporal,
        postgresMb,
        redisMb,
      ]),
  );
  return [
    '',
    row([
      '',
      'offer p50',
      'p99 ms',
      'events/s',
      'search ms',
      'worker CPU',
      'Temporal',
      'PostgreSQL',
      'worker MB',
      'Temporal',
      'PostgreSQL',
      'Redis',
    ]),
    ...lines,
    '',
  ].join('\n');
}

runProgram(main);

/**
 * npm run bench -- latency [--rate 5] [--seconds 180] [--drivers 120] [--open 100] [--seed TEXT]
 *                          [--find-rate]
 *
 * Places orders at a fixed rate in an open loop: times are drawn beforehand and do not depend on the service.
 * The number of open deliveries is constant, so that few drivers are free. Latencies count from the intended
 * time: order sent to offer at a driver's socket; accept sent to its answer; driver lost before pickup to
 * offer at another driver's socket. Before and after, the bare workflow runs at the same rate: start to first
 * local activity, update to result. Starts worker and API on the given PostgreSQL, Redis and Temporal.
 *
 *   --find-rate   searches for the highest rate from 1 to 10 at which all goals hold, by shorter runs
 *
 * A table goes to stderr, one line of JSON to stdout.
 * Exit code: 0 = p99 of offers < 500 ms, of accepts < 300 ms, of reassignments < 2,000 ms, and every order
 * was offered and delivered; 1 = a goal was missed; 2 = invalid arguments or settings.
 */
import { parseArgs } from 'node:util';
import { countOf, numberOf } from '../../simulator/kit/arguments';
import { connect } from '../../simulator/client/connections';
import { type InspectorSettings, readInspectorSettings } from '../../simulator/kit/environment';
import { log, runProgram } from '../../simulator/kit/program';
import { type Random, randomFrom } from '../../simulator/kit/random';
import { Closing } from '../closing';
import { type Floor, openFloor } from '../floor/floor';
import { machine, serverVersions } from '../machine';
import { DatabaseReader } from '../postgres';
import { benchEnvironment, startService, stopService } from '../service';
import { runBare } from './bareOrders';
import { Field, type Part } from './field';
import { highestRate } from './findRate';
import { planArrivals } from './plan';
import { type Percentiles, percentilesOf, type Sample, TIMED, timesOf } from './samples';
import { GOALS_MS, missedGoals, problemsOf } from './verdict';

type Options = {
  rate: number;
  seconds: number;
  drivers: number;
  keepOpen: number;
  seed: string;
  isFinding: boolean;
};

const RETRY_FOR_MS = 60_000;
/**
 * Length of each run of the bare workflow, before and after ours; at most half of ours. An uncounted warm-up
 * run comes first.
 */
const FLOOR_SECONDS = 30;
const WARM_UP_SECONDS = 5;
const [LOWEST_RATE, HIGHEST_RATE, PROBE_SECONDS] = [1, 10, 40];

function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    strict: true,
    options: {
      rate: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '180' },
      drivers: { type: 'string', default: '120' },
      open: { type: 'string', default: '100' },
      seed: { type: 'string', default: String(Date.now()) },
      'find-rate': { type: 'boolean', default: false },
    },
  });
  const drivers = countOf('--drivers', values.drivers, { min: 2, max: 10_000 });
  return {
    rate: numberOf('--rate', values.rate, { min: 0.1, max: 1_000 }),
    seconds: countOf('--seconds', values.seconds, { min: 1, max: 86_400 }),
    drivers,
    keepOpen: countOf('--open', values.open, { min: 1, max: drivers - 1 }),
    seed: values.seed,
    isFinding: values['find-rate'],
  };
}

async function main(signal: AbortSignal): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const settings = readInspectorSettings(process.env);
  const opened = new Closing();
  try {
    const world = await open(settings, options, opened, signal);
    return options.isFinding
      ? await findRate(world, options, settings, signal)
      : await measure(world, options, settings, signal);
  } finally {
    await opened.all();
  }
}

type World = { field: Field; floor: Floor; random: Random };

async function open(
  settings: InspectorSettings,
  { drivers, keepOpen, seed }: Options,
  opened: Closing,
  signal: AbortSignal,
): Promise<World> {
  const env = benchEnvironment(process.env);
  const random = randomFrom(seed);
  opened.after(await startService(env, null), stopService);
  const floor = opened.after(await openFloor(env, `latency-${Date.now().toString(36)}`), (each) =>
    each.close(),
  );
  const window = opened.after(new DatabaseReader(settings.databaseUrl), (each) => each.close());
  const field = opened.after(
    await Field.open(connect(settings, { retryForMs: RETRY_FOR_MS, signal }), window, {
      drivers,
      keepOpen,
      random,
    }),
    (each) => each.close(),
  );
  return { field, floor, random };
}

async function measure(
  { field, floor, random }: World,
  options: Options,
  settings: InspectorSettings,
  signal: AbortSignal,
): Promise<number> {
  const { rate, seconds, keepOpen } = options;
  const floorSeconds = Math.min(FLOOR_SECONDS, Math.ceil(seconds / 2));
  const bare = (name: string, lasting = floorSeconds): Promise<Sample[]> =>
    runBare(floor, {
      name,
      arrivals: planArrivals({ rate, seconds: lasting, lossShare: 0, random: random.stream(name) }),
      signal,
    });
  await bare('warm-up', WARM_UP_SECONDS);
  const before = await bare('before');
  log(`filling: ${keepOpen} deliveries open`);
  await field.fill(rate, signal);
  log(`measuring: ${rate} orders a second for ${seconds} s`);
  const part = await field.measure(rate, seconds, signal);
  signal.throwIfAborted();
  const end = await field.finish();
  const samples = [...before, ...(await bare('after'))];
  const bareTimes = {
    offer: percentilesOf(timesOf(samples, 'offer')),
    accept: percentilesOf(timesOf(samples, 'accept')),
  };
  const problems = problemsOf({
    ...part,
    ...end,
    openMin: part.open.min,
    keepOpen,
    failures: [...part.failures, ...end.failures],
  });
  log(table(part, bareTimes));
  for (const problem of problems) log(`broken: ${problem}`);
  process.stdout.write(
    `${JSON.stringify({
      rate,
      seconds,
      drivers: options.drivers,
      keepOpen,
      seed: options.seed,
      ...part.measured,
      bare: bareTimes,
      ratios: {
        offer: ratios(part.measured.offer, bareTimes.offer),
        accept: ratios(part.measured.accept, bareTimes.accept),
      },
      orders: part.orders,
      offers: part.offers,
      waited: part.waited,
      open: part.open,
      lagMs: part.lagMs,
      posted: end.posted,
      offered: end.offered,
      delivered: end.delivered,
      retries: end.retries,
      goalsMs: GOALS_MS,
      problems,
      ...machine(),
      ...(await serverVersions(settings)),
    })}\n`,
  );
  return problems.length === 0 ? 0 : 1;
}

async function findRate(
  { field }: World,
  options: Options,
  settings: InspectorSettings,
  signal: AbortSignal,
): Promise<number> {
  const probes: (Part & { missed: string[] })[] = [];
  await field.fill(options.rate, signal);
  const probe = async (rate: number): Promise<boolean> => {
    const part = await field.measure(rate, PROBE_SECONDS, signal);
    signal.throwIfAborted();
    const missed = [...missedGoals(part.measured), ...part.failures];
    probes.push({ ...part, missed });
    log(`${rate} a second: ${missed.length === 0 ? 'all goals hold' : missed.join('; ')}`);
    return missed.length === 0;
  };
  const rate = await highestRate(probe, { lowest: LOWEST_RATE, highest: HIGHEST_RATE });
  const end = await field.finish();
  log(
    rate === 0 ? `the goals fail even at ${LOWEST_RATE} a second` : `the goals hold up to ${rate} a second`,
  );
  process.stdout.write(
    `${JSON.stringify({
      highestRate: rate,
      probes,
      ...end,
      drivers: options.drivers,
      keepOpen: options.keepOpen,
      seed: options.seed,
      goalsMs: GOALS_MS,
      ...machine(),
      ...(await serverVersions(settings)),
    })}\n`,
  );
  return rate >= options.rate && end.delivered === end.posted ? 0 : 1;
}

type Bare = { offer: Percentiles; accept: Percentiles };

/** Our latency as a multiple of the bare workflow's. */
function ratios(ours: Percentiles, bare: Percentiles): Record<'p50' | 'p95' | 'p99', number | null> {
  const ratio = (a: number | null, b: number | null): number | null =>
    a === null || b === null || b === 0 ? null : Math.round((a / b) * 100) / 100;
  return { p50: ratio(ours.p50, bare.p50), p95: ratio(ours.p95, bare.p95), p99: ratio(ours.p99, bare.p99) };
}

function table({ measured, open, lagMs, waited, offers }: Part, bare: Bare): string {
  const row = (cells: readonly (string | number | null)[]): string =>
    cells.map((cell, at) => (at === 0 ? String(cell).padEnd(24) : String(cell ?? '-').padStart(9))).join('');
  const line = (name: string, { count, p50, p95, p99, max }: Percentiles): string =>
    row([name, count, p50, p95, p99, max]);
  return [
    '',
    row(['ms', 'count', 'p50', 'p95', 'p99', 'max']),
    ...TIMED.map((timed) => line(timed, measured[timed])),
    line('bare start', bare.offer),
    line('bare update', bare.accept),
    line('lag of this process', lagMs),
    `open: ${open.min} to ${open.max}; ${waited} of ${offers} offers waited for a driver`,
    '',
  ].join('\n');
}

runProgram(main);

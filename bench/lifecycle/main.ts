/**
 * npm run bench -- lifecycle [--seconds 10] [--blocks 5] [--at-once 12] [--least-ratio 0.8] [--profile DIR]
 *
 * Throughput in deliveries a second through API and sockets, compared with a bare workflow with the same
 * history on the same Temporal server. Blocks of both sides alternate, after a warm-up and one uncounted
 * pair. Both run in a closed loop with the same concurrency. Starts worker and API on the given PostgreSQL,
 * Redis and Temporal.
 *
 *   --profile   writes CPU profiles of worker and API to this folder
 *
 * A table goes to stderr, one line of JSON to stdout.
 * Exit code: 0 = ours / bare is at least 0.8 and every delivery took at most 42 events, 1 = a goal was
 * missed, 2 = invalid arguments or settings.
 */
import { parseArgs } from 'node:util';
import { countOf, numberOf } from '../../simulator/kit/arguments';
import { connect } from '../../simulator/client/connections';
import { type InspectorSettings, readInspectorSettings } from '../../simulator/kit/environment';
import { log, runProgram } from '../../simulator/kit/program';
import { randomFrom } from '../../simulator/kit/random';
import { Closing } from '../closing';
import { PROCESSES } from '../cpu';
import { openFloor } from '../floor/floor';
import { medianCounts, readCounts, recordedCounts, totalOf } from '../histories';
import { LoadCity } from '../load/city';
import type { LightClient } from '../load/lightClient';
import { machine, serverVersions, type Versions } from '../machine';
import { pidsOf } from '../pids';
import { DatabaseReader } from '../postgres';
import { benchEnvironment, startService, stopService } from '../service';
import { type Block, runBlock } from './blocks';
import { CostMeter, type CostsPerDelivery, costsADelivery, cpuRatioOf } from './costs';
import { bareSide, type KnownSide, ourSide } from './sides';
import { LEAST_RATIO, type Pair, problemsOf, ratiosOf } from './verdict';

type Options = {
  countedMs: number;
  blocks: number;
  atOnce: number;
  leastRatio: number;
  profileDir: string | null;
};

const WARM_UP_MS = 2_000;
const RETRY_FOR_MS = 60_000;
/** Enough that a driver near by is always free. */
const DRIVERS_PER_DELIVERY = 2;
/** The number of runs of each side, spread over the bench, whose histories are read. */
const HISTORIES_READ = 30;

function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    strict: true,
    options: {
      seconds: { type: 'string', default: '10' },
      blocks: { type: 'string', default: '5' },
      'at-once': { type: 'string', default: '12' },
      'least-ratio': { type: 'string', default: String(LEAST_RATIO) },
      profile: { type: 'string' },
    },
  });
  return {
    countedMs: countOf('--seconds', values.seconds, { min: 1, max: 600 }) * 1_000,
    blocks: countOf('--blocks', values.blocks, { min: 1, max: 100 }),
    atOnce: countOf('--at-once', values['at-once'], { min: 1, max: 200 }),
    leastRatio: numberOf('--least-ratio', values['least-ratio'], { min: 0, max: 10 }),
    profileDir: values.profile ?? null,
  };
}

async function main(signal: AbortSignal): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const settings = readInspectorSettings(process.env);
  const opened = new Closing();
  try {
    const run = await open(settings, options, opened, signal);
    const pairs = await measurePairs(run, options, signal);
    return await conclude(run, pairs, options, await serverVersions(settings));
  } finally {
    await opened.all();
  }
}

type Run = {
  sides: { ours: KnownSide; bare: KnownSide };
  deliveryIds: string[];
  meter: CostMeter;
  window: DatabaseReader;
  client: LightClient;
};

async function open(
  settings: InspectorSettings,
  { atOnce, profileDir }: Options,
  opened: Closing,
  signal: AbortSignal,
): Promise<Run> {
  const env = benchEnvironment(process.env);
  const name = `lifecycle-${Date.now().toString(36)}`;
  const service = opened.after(await startService(env, profileDir), stopService);
  const floor = opened.after(await openFloor(env, name), (each) => each.close());
  const connections = connect(settings, { retryForMs: RETRY_FOR_MS, signal });
  const city = opened.after(
    await LoadCity.open(connections, {
      name: 'lifecycle',
      drivers: DRIVERS_PER_DELIVERY * atOnce,
      random: randomFrom(name),
    }),
    (each) => each.close(),
  );
  const window = opened.after(new DatabaseReader(settings.databaseUrl), (each) => each.close());
  const deliveryIds: string[] = [];
  const meter = new CostMeter(
    window,
    pidsOf(service, floor, { ...settings, temporalAddress: process.env.TEMPORAL_ADDRESS ?? '' }),
  );
  return {
    sides: { ours: ourSide(city, deliveryIds), bare: bareSide(floor, name) },
    deliveryIds,
    meter,
    window,
    client: city.client,
  };
}

async function measurePairs(
  run: Run,
  { blocks, atOnce, countedMs }: Options,
  signal: AbortSignal,
): Promise<Pair[]> {
  const pairs: Pair[] = [];
  await warmUp(run, { atOnce, countedMs }, signal);
  const measure = async (side: KnownSide): Promise<Block> => {
    let add: Awaited<ReturnType<CostMeter['end']>> | undefined;
    const onEdge = async (edge: 'begin' | 'end'): Promise<void> =>
      edge === 'begin' ? run.meter.begin() : void (add = await run.meter.end(side.name));
    const block = await runBlock(side, { atOnce, warmUpMs: WARM_UP_MS, countedMs, onEdge, signal });
    add?.(block);
    return block;
  };
  for (let number = 1; number <= blocks; number += 1) {
    const [ours, bare] = [await measure(run.sides.ours), await measure(run.sides.bare)];
    if (signal.aborted) break; // an interrupted block does not count
    pairs.push({ ours: ours.perSecond, bare: bare.perSecond });
    const rates = `ours ${ours.perSecond.toFixed(2)}/s, bare ${bare.perSecond.toFixed(2)}/s`;
    log(`pair ${number} of ${blocks}: ${rates}, ratio ${(ours.perSecond / bare.perSecond).toFixed(3)}`);
  }
  return pairs;
}

/** An uncounted pair: the JIT compiler has not seen the code yet. */
async function warmUp(
  { sides }: Run,
  { atOnce, countedMs }: Pick<Options, 'atOnce' | 'countedMs'>,
  signal: AbortSignal,
): Promise<void> {
  for (const side of [sides.ours, sides.bare])
    await runBlock(side, { atOnce, warmUpMs: 0, countedMs, onEdge: () => Promise.resolve(), signal });
}

async function conclude(
  { sides, deliveryIds, meter, window, client }: Run,
  pairs: readonly Pair[],
  options: Options,
  versions: Versions,
): Promise<number> {
  const [ours, bare] = [
    await readCounts(spread(sides.ours.workflowIds)),
    await readCounts(spread(sides.bare.workflowIds)),
  ].map(medianCounts);
  const events = { ours: ours ?? {}, bare: bare ?? {}, recorded: recordedCounts() };
  const delivered = await window.delivered(deliveryIds);
  const ratios = ratiosOf(pairs);
  const { median, min, max } = ratios.pairRatios;
  const problems = problemsOf({
    ratio: ratios.ratio,
    leastRatio: options.leastRatio,
    events,
    begun: deliveryIds.length,
    delivered,
  });
  const costs = { ours: costsADelivery(meter.of('ours')), bare: costsADelivery(meter.of('bare')) };
  log(table(costs));
  for (const problem of problems) log(`broken: ${problem}`);
  process.stdout.write(
    `${JSON.stringify({
      ours: rounded(ratios.ours),
      bare: rounded(ratios.bare),
      ratio: rounded(ratios.ratio),
      cpuRatio: rounded(cpuRatioOf(costs.ours, costs.bare)),
      events: totalOf(events.ours),
      workflowTasks: events.ours.workflowTaskCompleted ?? 0,
      atOnce: options.atOnce,
      pairRatios: { median: rounded(median), min: rounded(min), max: rounded(max) },
      pairs: pairs.map((pair) => [rounded(pair.ours), rounded(pair.bare)]),
      secondsABlock: options.countedMs / 1_000,
      counted: { ours: meter.of('ours').deliveries, bare: meter.of('bare').deliveries },
      begun: deliveryIds.length,
      delivered,
      retries: client.retries,
      costs,
      eventsByKind: events,
      problems,
      ...machine(),
      ...versions,
    })}\n`,
  );
  return problems.length === 0 ? 0 : 1;
}

/** This many ids, spread over the whole run. */
function spread(workflowIds: readonly string[]): string[] {
  const every = Math.max(1, Math.ceil(workflowIds.length / HISTORIES_READ));
  return workflowIds.filter((_, at) => at % every === 0);
}

/** Rounded to a thousandth. */
function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1_000) / 1_000;
}

function table({ ours, bare }: Record<'ours' | 'bare', CostsPerDelivery>): string {
  const row = (cells: readonly (string | number | null)[]): string =>
    cells.map((cell, at) => (at === 0 ? String(cell).padEnd(24) : String(cell ?? '-').padStart(9))).join('');
  const names = [...PROCESSES, 'all' as const];
  return [
    '',
    row(['CPU ms per delivery', 'ours', 'bare']),
    ...names.map((name) => row([name, ours.cpuMs[name], bare.cpuMs[name]])),
    row(['cores busy', ours.coresBusy, bare.coresBusy]),
    row(['transactions', ours.transactions, bare.transactions]),
    row(['rows written', ours.rowsWritten, bare.rowsWritten]),
    '',
  ].join('\n');
}

runProgram(main);

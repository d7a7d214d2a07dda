/**
 * Plays the demo city on a running service.
 *   (no arguments)                 until it is stopped, as `npm start` does
 *   --deliveries N [--exit]        places N orders; with --exit it ends when all have ended, and judges the run
 *   --drivers N --seed TEXT --speed X --every SECONDS
 * Progress goes to stderr. With --exit figures go to stdout, the last line of it being one JSON object.
 * Exit code: 0 = all ended and every promise was kept, 1 = not so, 2 = wrong arguments or settings.
 */
import { parseArgs } from 'node:util';
import { SettingsError } from '../settings';
import { connect } from './client/connections';
import { Demo, settledFigures, untilAllEnded } from './demo';
import { buildDemoWorld, type DemoWorld } from './demoWorld';
import { type InspectorSettings, readInspectorSettings, readSimulatorSettings, type SimulatorSettings } from './environment';
import { Inspection } from './inspection';
import { ArgumentError, countOf, numberOf } from './arguments';
import { randomFrom } from './random';

type Options = { deliveries: number | null; exit: boolean; drivers: number; seed: string; speed: number; everyMs: number };

const PROGRESS_EVERY_MS = 10_000;
const PATIENCE_MS = 10 * 60_000;
/** After the last order was placed. */
const ALL_ENDED_WITHIN_MS = 10 * 60_000;

const log = (line: string): void => void process.stderr.write(`${line}\n`);

function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args, strict: true,
    options: {
      deliveries: { type: 'string' }, exit: { type: 'boolean', default: false }, drivers: { type: 'string', default: '12' }, seed: { type: 'string', default: String(Date.now()) },
      speed: { type: 'string', default: '30' }, every: { type: 'string' },
    },
  });
  if (values.exit && values.deliveries === undefined) throw new ArgumentError('--exit needs --deliveries: otherwise it never ends');
  const deliveries = values.deliveries === undefined ? null : countOf('--deliveries', values.deliveries, { min: 1, max: 100_000 });
  return {
    deliveries, exit: values.exit, drivers: countOf('--drivers', values.drivers, { min: 1, max: 1_000 }), seed: values.seed,
    speed: numberOf('--speed', values.speed, { min: 0.1, max: 1_000 }),
    everyMs: numberOf('--every', values.every ?? (deliveries === null ? '4' : '1.5'), { min: 0.01, max: 3_600 }) * 1_000,
  };
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  return options.exit ? judgedRun(readInspectorSettings(process.env), options, stop.signal) : openRun(readSimulatorSettings(process.env), options, stop.signal);
}

/** Until it is stopped; what is in hand then is gone on with at the next start. */
async function openRun(settings: SimulatorSettings, options: Options, signal: AbortSignal): Promise<number> {
  const { demo } = await setUp(settings, options, signal);
  const drivers = demo.startDrivers(signal);
  void demo.tellProgress(PROGRESS_EVERY_MS, signal);
  await demo.orders.run(signal).catch((error: unknown) => log(`no more orders: ${String(error)}`));
  await drivers;
  return 0;
}

async function judgedRun(settings: InspectorSettings, options: Options, signal: AbortSignal): Promise<number> {
  const startedAt = Date.now();
  const { demo, world, retries } = await setUp(settings, options, signal);
  const inspection = await Inspection.open(settings);
  const [ended, home] = [new AbortController(), AbortSignal.any([signal])];
  const working = AbortSignal.any([ended.signal, home]);
  const drivers = demo.startDrivers(working);
  void demo.tellProgress(PROGRESS_EVERY_MS, working);
  await demo.orders.run(signal);
  const allEnded = await untilAllEnded(inspection, demo.orders.placed.map(({ deliveryId }) => deliveryId), Date.now() + ALL_ENDED_WITHIN_MS, signal);
  const { figures, problems } = await settledFigures({ world, inspection, orders: demo.orders });
  await world.endShifts();
  ended.abort();
  await drivers;
  await inspection.close();
  for (const problem of problems) log(`problem: ${problem}`);
  const all = { ...figures, acceptP99Ms: world.latencies.percentile('accept', 99), orderP99Ms: world.latencies.percentile('order', 99), foundByAsking: foundByAsking(world), retries: retries(), seconds: Math.round((Date.now() - startedAt) / 1_000), seed: options.seed };
  process.stdout.write(`${wordsOf(all)}\n${JSON.stringify(all)}\n`);
  return allEnded && problems.length === 0 ? 0 : 1;
}

async function setUp(settings: SimulatorSettings, { drivers, seed, speed, deliveries, everyMs }: Options, signal: AbortSignal): Promise<{ demo: Demo; world: DemoWorld; retries: () => number }> {
  const random = randomFrom(seed);
  const connections = connect(settings, { patienceMs: PATIENCE_MS, signal });
  const world = await buildDemoWorld({ connections, drivers, speed, random, log });
  log(`the demo city is ready: ${drivers} drivers, seed ${seed}`);
  const plan = { everyMs, count: deliveries, cancelOdds: 0.04, speed, run: `demo-${Date.now().toString(36)}` };
  return { demo: new Demo({ world, random, log }, plan), world, retries: connections.retries };
}

function foundByAsking({ drivers }: DemoWorld): number {
  return drivers.reduce((sum, { counts }) => sum + counts.foundByAsking, 0);
}

/** A line a figure, for people. */
function wordsOf(figures: Record<string, unknown>): string {
  return Object.entries(figures).map(([name, value]) => `  ${name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).padEnd(24)} ${String(value)}`).join('\n');
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    const isTheirs = error instanceof SettingsError || error instanceof ArgumentError || (error instanceof TypeError && 'code' in error);
    log(isTheirs ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.exit(isTheirs ? 2 : 1);
  },
);

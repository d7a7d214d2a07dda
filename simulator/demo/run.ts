import { sentenceOf } from '../../reliability/checker/violation';
import type { CheckerOptions } from '../../reliability/checker/checker';
import { Watch } from '../../reliability/checker/watch';
import { connect, type Connections } from '../client/connections';
import { Demo, settledFigures, untilAllEnded } from './demo';
import { buildDemoWorld, type DemoWorld, type Temper } from './world';
import type { InspectorSettings, SimulatorSettings } from '../kit/environment';
import type { Inspection } from '../kit/inspection';
import { pause } from '../kit/pause';
import { randomFrom } from '../kit/random';

/** `deliveries` null = without end. `everyMs`: mean pause between two orders. */
export type DemoOptions = {
  deliveries: number | null;
  drivers: number;
  seed: string;
  speed: number;
  everyMs: number;
};

const PROGRESS_EVERY_MS = 10_000;
const FORGET_EVERY_MS = 10 * 60_000;
/** A service that is killed and started again is waited for. */
const PATIENCE_MS = 10 * 60_000;
/** After the last order was placed. */
const ALL_ENDED_WITHIN_MS = 10 * 60_000;
const CANCEL_ODDS = 0.04;

type Log = (line: string) => void;
export type Ready = { demo: Demo; world: DemoWorld; connections: Connections };

async function setUp(
  settings: SimulatorSettings,
  { drivers, seed, speed, deliveries, everyMs }: DemoOptions,
  log: Log,
  signal: AbortSignal,
  temper?: Temper,
): Promise<Ready> {
  const random = randomFrom(seed);
  const connections = connect(settings, { patienceMs: PATIENCE_MS, signal });
  const world = await buildDemoWorld({ connections, drivers, speed, random, log, temper });
  log(`the demo city is ready: ${drivers} drivers, seed ${seed}`);
  const plan = {
    everyMs,
    count: deliveries,
    cancelOdds: CANCEL_ODDS,
    speed,
    run: `demo-${Date.now().toString(36)}`,
  };
  return { demo: new Demo({ world, random, log }, plan), world, connections };
}

/** Until the signal; what is in hand then is gone on with at the next start. */
export async function playDemo(
  settings: SimulatorSettings,
  options: DemoOptions,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const { demo } = await setUp(settings, options, log, signal);
  const drivers = demo.startDrivers(signal);
  void demo.tellProgress(PROGRESS_EVERY_MS, signal);
  void demo.keepForgetting(FORGET_EVERY_MS, signal);
  await keepOrdering(demo, log, signal);
  await drivers;
}

/** A service that was away for longer than a shop's patience gets orders again when it is back. */
async function keepOrdering(demo: Demo, log: Log, signal: AbortSignal): Promise<void> {
  const failed = async (error: unknown): Promise<boolean> => {
    if (!signal.aborted) log(`an order could not be placed: ${String(error)}`);
    return pause(PROGRESS_EVERY_MS, signal);
  };
  while (await demo.orders.run(signal).then(() => false, failed));
}

/** What a judged run came to; `problems` empty = all ended and every promise was kept. */
export type JudgedRun = { figures: Record<string, number | string | null>; problems: string[] };

/** What a judged run has beside orders and drivers. */
export type Beside = {
  /**
   * By which settings of the service its invariants are checked, each second and at the end; left out: only
   * what was acknowledged is.
   */
  check?: CheckerOptions;
  temper?: Temper;
  /**
   * Begun with the drivers, and waited for once all orders are placed; the signal comes when the drivers go
   * home.
   */
  during?: (run: Ready, signal: AbortSignal) => Promise<void>;
  /** Waited for before the record is judged. */
  allEnded?: () => Promise<void>;
  /** What else the record says. */
  judge?: (run: Ready) => Promise<JudgedRun>;
};

/**
 * Plays so many deliveries, waits until all have ended, and holds the record against what was acknowledged.
 */
export async function judgeDemo(
  settings: InspectorSettings,
  inspection: Inspection,
  options: DemoOptions,
  log: Log,
  signal: AbortSignal,
  beside: Beside = {},
): Promise<JudgedRun> {
  const startedAt = Date.now();
  const run = await setUp(settings, options, log, signal, beside.temper);
  const watch = beside.check && (await Watch.begin(beside.check, log));
  try {
    const { figures, problems } = await judged(run, { watch, inspection, signal }, beside);
    return {
      figures: { ...figures, seconds: Math.round((Date.now() - startedAt) / 1_000), seed: options.seed },
      problems,
    };
  } finally {
    await watch?.close();
  }
}

type Judging = { watch: Watch | undefined; inspection: Inspection; signal: AbortSignal };

async function judged(
  run: Ready,
  { watch, inspection, signal }: Judging,
  beside: Beside,
): Promise<JudgedRun> {
  const { demo, world, connections } = run;
  const ended = new AbortController();
  const working = AbortSignal.any([signal, ended.signal]);
  const drivers = demo.startDrivers(working);
  void demo.tellProgress(PROGRESS_EVERY_MS, working);
  await Promise.all([demo.orders.run(signal), beside.during?.(run, working)]);
  await untilAllEnded(
    inspection,
    demo.orders.placed.map(({ deliveryId }) => deliveryId),
    Date.now() + ALL_ENDED_WITHIN_MS,
    signal,
  );
  signal.throwIfAborted();
  await beside.allEnded?.();
  const { figures, problems } = await settledFigures({ world, inspection, orders: demo.orders });
  const also = await beside.judge?.(run);
  const broken = await watch?.conclude({ acknowledged: world.ledger.all(), offers: world.offerWords });
  ended.abort();
  await drivers;
  await world.endShifts();
  const { latencies } = world;
  const more = {
    acceptP99Ms: latencies.percentile('accept', 99),
    stepP99Ms: latencies.percentile('step', 99),
    orderP99Ms: latencies.percentile('order', 99),
    foundByAsking: foundByAsking(world),
    retries: connections.retries(),
    ...(broken ? { broken: broken.length, ...watch?.counts } : {}),
  };
  return {
    figures: { ...figures, ...also?.figures, ...more },
    problems: [...problems, ...(also?.problems ?? []), ...(broken ?? []).map(sentenceOf)],
  };
}

function foundByAsking({ drivers }: DemoWorld): number {
  return drivers.reduce((sum, { counts }) => sum + counts.foundByAsking, 0);
}

import { sentenceOf } from '../../reliability/checker/violation';
import type { CheckerOptions } from '../../reliability/checker/checker';
import { Watch } from '../../reliability/checker/watch';
import { connect, type Connections } from '../client/connections';
import { Demo, settledFigures, untilAllEnded } from './demo';
import { buildDemoWorld, type DemoWorld, type DemoWorldOptions } from './world';
import type { InspectorSettings, SimulatorSettings } from '../kit/environment';
import type { Inspection } from '../kit/inspection';
import { type Random, randomFrom } from '../kit/random';
import type { OrderPlan } from '../people/orders';

/** `deliveries` null: endless. `everyMs`: mean pause between two orders. */
export type DemoOptions = {
  deliveries: number | null;
  drivers: number;
  seed: string;
  speed: number;
  everyMs: number;
};

export const PROGRESS_EVERY_MS = 10_000;
/** Long enough for a killed service to start again. */
const RETRY_FOR_MS = 10 * 60_000;
/** Counted from the last placed order. */
const ALL_ENDED_WITHIN_MS = 10 * 60_000;
const CANCEL_ODDS = 0.04;

type Log = (line: string) => void;
export type Ready = { demo: Demo; world: DemoWorld; connections: Connections };

export type CitySetUp = { world: DemoWorld; connections: Connections; random: Random };

/** Connects and sets up the city. No driver works yet. */
export async function setUpDemo(
  settings: SimulatorSettings,
  { drivers, seed, speed }: DemoOptions,
  log: Log,
  signal: AbortSignal,
  behaviour: Pick<DemoWorldOptions, 'fleetBehaviour' | 'odds'>,
): Promise<CitySetUp> {
  const random = randomFrom(seed);
  const connections = connect(settings, { retryForMs: RETRY_FOR_MS, signal });
  const world = await buildDemoWorld({ connections, drivers, speed, random, log, ...behaviour });
  log(`the demo city is ready: ${drivers} drivers, seed ${seed}`);
  return { world, connections, random };
}

/** @param everyMs overrides the `everyMs` of the options */
export function orderPlanOf(
  { deliveries, speed, everyMs: steadyMs }: DemoOptions,
  everyMs: OrderPlan['everyMs'] = steadyMs,
): OrderPlan {
  const run = `demo-${Date.now().toString(36)}`;
  return { everyMs, count: deliveries, cancelOdds: CANCEL_ODDS, speed, run };
}

/** The result of a judged run. Empty `problems`: all orders ended and every promise was kept. */
export type JudgedRun = { figures: Record<string, number | string | null>; problems: string[] };

/** Extra parts of a judged run. */
export type Beside = {
  /**
   * The service's settings for the invariant check, which runs each second and at the end. Left out: the run
   * checks only acknowledged results.
   */
  check?: CheckerOptions;
  fleetBehaviour?: DemoWorldOptions['fleetBehaviour'];
  /**
   * Starts with the drivers. The run awaits it after the last placed order. The signal comes when the drivers
   * go home.
   */
  during?: (run: Ready, signal: AbortSignal) => Promise<void>;
  /** The run awaits this before it judges the record. */
  allEnded?: () => Promise<void>;
  /** Further problems in the record. */
  judge?: (run: Ready) => Promise<JudgedRun>;
};

/**
 * Plays the given number of deliveries, waits until all have ended, and compares the record with what was
 * acknowledged.
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
  const { world, connections, random } = await setUpDemo(settings, options, log, signal, {
    fleetBehaviour: beside.fleetBehaviour,
  });
  const run = { demo: new Demo({ world, random, log }, orderPlanOf(options)), world, connections };
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
  void demo.logProgress(PROGRESS_EVERY_MS, working);
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
  const broken = await watch?.conclude({ acknowledged: world.ledger.all(), offers: world.offerObservations });
  ended.abort();
  await drivers;
  await world.endShifts();
  const { latencies } = world;
  const more = {
    acceptP99Ms: latencies.percentile('accept', 99),
    stepP99Ms: latencies.percentile('step', 99),
    orderP99Ms: latencies.percentile('order', 99),
    foundByPolling: foundByPolling(world),
    retries: connections.retries(),
    ...(broken ? { broken: broken.length, ...watch?.counts } : {}),
  };
  return {
    figures: { ...figures, ...also?.figures, ...more },
    problems: [...problems, ...(also?.problems ?? []), ...(broken ?? []).map(sentenceOf)],
  };
}

function foundByPolling({ drivers }: DemoWorld): number {
  return drivers.reduce((sum, { counts }) => sum + counts.foundByPolling, 0);
}

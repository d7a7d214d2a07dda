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

/** `deliveries` null = without end. `everyMs`: mean pause between two orders. */
export type DemoOptions = {
  deliveries: number | null;
  drivers: number;
  seed: string;
  speed: number;
  everyMs: number;
};

export const PROGRESS_EVERY_MS = 10_000;
/** A service that is killed and started again is waited for. */
const RETRY_FOR_MS = 10 * 60_000;
/** After the last order was placed. */
const ALL_ENDED_WITHIN_MS = 10 * 60_000;
const CANCEL_ODDS = 0.04;

type Log = (line: string) => void;
export type Ready = { demo: Demo; world: DemoWorld; connections: Connections };

export type CitySetUp = { world: DemoWorld; connections: Connections; random: Random };

/** Connects and sets the city up; nobody works yet. */
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

/** @param everyMs in place of that of the options */
export function orderPlanOf(
  { deliveries, speed, everyMs: steadyMs }: DemoOptions,
  everyMs: OrderPlan['everyMs'] = steadyMs,
): OrderPlan {
  const run = `demo-${Date.now().toString(36)}`;
  return { everyMs, count: deliveries, cancelOdds: CANCEL_ODDS, speed, run };
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
  fleetBehaviour?: DemoWorldOptions['fleetBehaviour'];
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

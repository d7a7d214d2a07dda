import { join } from 'node:path';
import { CpuContention } from '../chaos/cpuContention';
import { FaultClock } from '../chaos/faults';
import { Judge } from '../chaos/judge';
import { sentenceOf } from '../checker/broken';
import { connect } from '../../simulator/client/connections';
import { DEMO_CITY } from '../../simulator/demo/city';
import type { InspectorSettings } from '../../simulator/kit/environment';
import { Inspection } from '../../simulator/kit/inspection';
import { pause, poll } from '../../simulator/kit/pause';
import { startApi, startWorker } from '../../simulator/kit/processes';
import { City, type CityOptions } from './city';
import { notBack } from './resources';
import { type Sample, under } from './sample';
import { Sampler, type Urls } from './sampler';

/**
 * `thoroughEvery`: each so manyth sample also collects all garbage. `programs`: where worker and API are, if
 * not beside this program.
 */
export type SoakOptions = CityOptions & {
  minutes: number;
  sampleEveryMs: number;
  thoroughEvery: number;
  programs?: string;
};

/**
 * All that was seen. `broken`: in words, whatever must not be, but for leaks. `slowness`: as of a run of the
 * chaos.
 */
export type Soaked = {
  samples: Sample[];
  orders: number;
  figures: object;
  broken: string[];
  slowness: { mean: number; worst: number };
};

type Log = (line: string) => void;

const PATIENCE_MS = 60_000;
/** A process that has just started still opens what it needs. */
const BEFORE_MS = 3_000;
/** Connections kept alive end within this. */
const BACK_WITHIN_MS = 15_000;

/** Worker and API of their own, the city at work on them for so long, and all of it looked at meanwhile. */
export async function soak(
  settings: InspectorSettings,
  options: SoakOptions,
  env: NodeJS.ProcessEnv,
  log: Log,
  signal: AbortSignal,
): Promise<Soaked> {
  const start = [
    soakEnvironment(env),
    { nodeOptions: ['--require', COLLECTOR], dist: options.programs },
  ] as const;
  const [worker, api] = await Promise.all([startWorker(...start), startApi(...start)]);
  try {
    await Promise.all([worker.ready(), api.ready()]);
    return await observed(
      { settings, env: start[0], urls: { worker: worker.url, api: api.url }, pids: [worker.pid, api.pid] },
      options,
      log,
      signal,
    );
  } finally {
    await Promise.all([worker.stop(), api.stop()]);
  }
}

/**
 * Offers on for all, and no limits that a load from one address would run into. What the user has set stays
 * as it is.
 */
function soakEnvironment(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ENABLE_DRIVER_OFFERS: 'true',
    DRIVER_OFFERS_ROLLOUT: '100',
    ENABLE_AVAILABILITY_STATES: 'true',
    ENABLE_ESCALATION: 'true',
    ENABLE_AUTO_REASSIGNMENT: 'true',
    LOG_LEVEL: 'warn',
    RATE_LIMIT_PER_MINUTE: '1000000',
    RATE_LIMIT_MERCHANT_PER_MINUTE: '1000000',
    RATE_LIMIT_OPS_PER_MINUTE: '1000000',
    RATE_LIMIT_LOCATION_PER_MINUTE: '1000000',
    RATE_LIMIT_AVAILABILITY_PER_MINUTE: '1000000',
    ...given,
  };
}

/** Loaded into worker and API before their own code. */
const COLLECTOR = join(__dirname, 'collectOnSignal.js');

type Running = { settings: InspectorSettings; env: NodeJS.ProcessEnv; urls: Urls; pids: readonly number[] };

async function observed(
  { settings, env, urls, pids }: Running,
  options: SoakOptions,
  log: Log,
  signal: AbortSignal,
): Promise<Soaked> {
  const inspection = await Inspection.open(settings);
  const sampler = await Sampler.open(settings, urls);
  const cpuContention = new CpuContention(() => pids);
  // No fault is ever on; that all drivers come on duty at once counts as one that just ended, as it does in
  // the chaos.
  const judge = await Judge.open({
    env,
    cityId: DEMO_CITY.cityId,
    clock: new FaultClock(),
    cpuContention,
    log,
  });
  const over = new AbortController();
  try {
    const city = await City.build(connect(settings, { patienceMs: PATIENCE_MS, signal }), options, log);
    await pause(BEFORE_MS, signal);
    const before = await sampler.sample(true);
    const untilOver = AbortSignal.any([signal, over.signal]);
    const looking = Promise.all([cpuContention.keepLooking(untilOver), judge.keepLooking(untilOver)]);
    const samples = await sampledLoad(city, sampler, options, log, signal);
    signal.throwIfAborted();
    log(`the load is over; waiting for what is in hand`);
    const { figures, problems } = await city.settle(inspection, signal);
    signal.throwIfAborted();
    await city.end();
    over.abort();
    await looking;
    const invariants = (await judge.conclude(city.acknowledged())).map(sentenceOf);
    const restless = await notBackInTime(sampler, before, signal);
    const broken = [...problems, ...invariants, ...restless, ...(await sampler.startedAnew())];
    return {
      samples: [before, ...samples],
      orders: city.counts().orders ?? 0,
      figures,
      broken,
      slowness: { mean: cpuContention.mean, worst: cpuContention.worst },
    };
  } finally {
    over.abort();
    await Promise.all([sampler.close(), inspection.close(), judge.close()]);
  }
}

/** @returns the samples that were taken while orders came */
async function sampledLoad(
  city: City,
  sampler: Sampler,
  { minutes, sampleEveryMs, thoroughEvery }: SoakOptions,
  log: Log,
  signal: AbortSignal,
): Promise<Sample[]> {
  const over = new AbortController();
  const ordering = AbortSignal.any([signal, over.signal]);
  const samples: Sample[] = [];
  const endsAt = Date.now() + minutes * 60_000;
  sampler.begin();
  city.open();
  const orders = city.order(ordering);
  while (Date.now() < endsAt && (await pause(sampleEveryMs, signal))) {
    const { at, values } = await sampler.sample(samples.length % thoroughEvery === 0);
    samples.push({ at, values: { ...under('load', city.counts()), ...values } });
    if (samples.length % thoroughEvery === 0) log(glance(samples.at(-1)));
  }
  over.abort();
  await orders;
  return samples;
}

/** A line for people. */
function glance(sample: Sample | undefined): string {
  const shown = [
    'load.orders',
    'worker.memoryMb',
    'worker.heapMb',
    'api.memoryMb',
    'api.heapMb',
    'worker.timers',
    'api.timers',
    'redis.memory.usedMb',
    'db.deliveries.open',
    'db.outbox.unsent',
  ];
  const values = shown.map((name) => `${name} ${Math.round(sample?.values[name] ?? NaN)}`);
  return `${Math.round(sample?.at ?? 0)} s: ${values.join(', ')}`;
}

/**
 * What is held by connections, requests and deliveries comes back once those are over; some of it only when
 * it has timed out.
 */
async function notBackInTime(sampler: Sampler, before: Sample, signal: AbortSignal): Promise<string[]> {
  let left: string[] = [];
  const isBack = async (): Promise<true | undefined> =>
    (left = notBack(before, await sampler.sample(false))).length === 0 ? true : undefined;
  await poll(isBack, { everyMs: 1_000, deadlineAt: Date.now() + BACK_WITHIN_MS, signal });
  return left;
}

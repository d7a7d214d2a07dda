import { join } from 'node:path';
import { CpuContention } from '../chaos/cpuContention';
import { FaultClock } from '../chaos/faults';
import { Judge } from '../chaos/judge';
import { sentenceOf } from '../checker/violation';
import { connect } from '../../simulator/client/connections';
import { DEMO_CITY } from '../../simulator/demo/city';
import type { InspectorSettings } from '../../simulator/kit/environment';
import { Inspection } from '../../simulator/kit/inspection';
import { pause, poll } from '../../simulator/kit/pause';
import { startApi, startWorker } from '../../simulator/kit/processes';
import { City, type CityOptions } from './city';
import { unreleased } from './resources';
import { type Sample, under } from './sample';
import { Sampler, type Urls } from './sampler';

/**
 * `thoroughEvery`: every n-th sample includes a garbage collection. `programs`: the folder of worker and API;
 * by default those of this build.
 */
export type SoakOptions = CityOptions & {
  minutes: number;
  sampleEveryMs: number;
  thoroughEvery: number;
  programs?: string;
};

/** The results of a soak. `broken`: violations in words, without leaks. `slowness`: the CPU contention. */
export type SoakResult = {
  samples: Sample[];
  orders: number;
  figures: object;
  broken: string[];
  slowness: { mean: number; worst: number };
};

type Log = (line: string) => void;

const RETRY_FOR_MS = 60_000;
/** Time for a new process to open what it needs. */
const BEFORE_MS = 3_000;
/** Idle keep-alive connections close within this time. */
const RELEASED_WITHIN_MS = 15_000;

/** Runs the city on its own worker and API for the given time, and samples the resources. */
export async function soak(
  settings: InspectorSettings,
  options: SoakOptions,
  env: NodeJS.ProcessEnv,
  log: Log,
  signal: AbortSignal,
): Promise<SoakResult> {
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

/** Offers on, and no rate limits, which a load from one address would hit. User settings are kept. */
function soakEnvironment(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ENABLE_DRIVER_OFFERS: 'true',
    DRIVER_OFFERS_ROLLOUT: '100',
    ENABLE_AVAILABILITY_STATES: 'true',
    ENABLE_ESCALATION: 'true',
    ENABLE_AUTO_REASSIGNMENT: 'true',
    // Idle connections of the load must be gone when the run looks for what is left.
    API_KEEP_ALIVE_SECONDS: '5',
    LOG_LEVEL: 'warn',
    RATE_LIMIT_PER_MINUTE: '1000000',
    RATE_LIMIT_MERCHANT_PER_MINUTE: '1000000',
    RATE_LIMIT_OPS_PER_MINUTE: '1000000',
    RATE_LIMIT_LOCATION_PER_MINUTE: '1000000',
    POSITION_FASTEST_METERS_PER_MINUTE: '10000000',
    RATE_LIMIT_AVAILABILITY_PER_MINUTE: '1000000',
    ...given,
  };
}

/** Preloaded into worker and API. */
const COLLECTOR = join(__dirname, 'collectOnSignal.js');

type Running = { settings: InspectorSettings; env: NodeJS.ProcessEnv; urls: Urls; pids: readonly number[] };

async function observed(
  { settings, env, urls, pids }: Running,
  options: SoakOptions,
  log: Log,
  signal: AbortSignal,
): Promise<SoakResult> {
  const inspection = await Inspection.open(settings);
  const sampler = await Sampler.open(settings, urls);
  const cpuContention = new CpuContention(() => pids);
  // This run injects no faults. All drivers come on duty at once at the start, which counts as a fault that
  // just ended, as in the chaos run.
  const judge = await Judge.open({
    env,
    cityId: DEMO_CITY.cityId,
    clock: new FaultClock(),
    cpuContention,
    log,
  });
  const over = new AbortController();
  try {
    const city = await City.build(connect(settings, { retryForMs: RETRY_FOR_MS, signal }), options, log);
    await pause(BEFORE_MS, signal);
    const before = await sampler.sample(true);
    const untilOver = AbortSignal.any([signal, over.signal]);
    const looking = Promise.all([cpuContention.keepSampling(untilOver), judge.keepChecking(untilOver)]);
    const samples = await sampledLoad(city, sampler, options, log, signal);
    signal.throwIfAborted();
    log(`the load is over; waiting for open deliveries`);
    const { figures, problems } = await city.settle(inspection, signal);
    signal.throwIfAborted();
    await city.end();
    over.abort();
    await looking;
    const invariants = (await judge.conclude(city.acknowledged())).map(sentenceOf);
    const restless = await unreleasedInTime(sampler, before, signal);
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

/** @returns the samples taken while orders came in */
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
    if (samples.length % thoroughEvery === 0) log(summaryLine(samples.at(-1)));
  }
  over.abort();
  await orders;
  return samples;
}

/** A summary for the log. */
function summaryLine(sample: Sample | undefined): string {
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
 * Waits until resources held by connections, requests and deliveries are released; some only after a
 * time-out.
 */
async function unreleasedInTime(sampler: Sampler, before: Sample, signal: AbortSignal): Promise<string[]> {
  let left: string[] = [];
  const isBack = async (): Promise<true | undefined> =>
    (left = unreleased(before, await sampler.sample(false))).length === 0 ? true : undefined;
  await poll(isBack, { everyMs: 1_000, deadlineAt: Date.now() + RELEASED_WITHIN_MS, signal });
  return left;
}

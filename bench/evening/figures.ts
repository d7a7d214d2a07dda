import { type Part, PARTS } from '../growth/meters';
import { type Percentiles, percentilesOf } from '../latency/samples';
import type { EveningReading } from './meters';
import { pagesOf } from './notices';
import type { ReceivedNotice } from './noticeSink';
import type { Rows } from './record';
import type { Timed } from './timedLatencies';

/** What happened, each with its time in epoch ms. `offers`: latencies of offers once both were free. */
export type Happened = Rows & {
  accepts: readonly Timed[];
  offerLatencies: readonly Timed[];
  notices: readonly ReceivedNotice[];
};

/** The figures of one stretch of the run. CPU in cores, memory in MB. */
export type StretchFigures = {
  seconds: number;
  /** Deliveries without a driver at its end. */
  waiting: number;
  orders: number;
  looks: number;
  offers: number;
  accepts: number;
  looksAnAccept: number | null;
  acceptMs: Percentiles;
  offerMs: Percentiles;
  cores: Record<Part | 'load', number | null>;
  workerMb: number | null;
  chat: number;
  pages: number;
  slowTasks: number;
  notAnsweredInTime: number;
  unavailable: number;
};

/** @param from, to two readings, the earlier one first */
export function stretchFigures(from: EveningReading, to: EveningReading, happened: Happened): StretchFigures {
  const within = (at: number | null): boolean => at !== null && at >= from.at && at < to.at;
  const of = (samples: readonly Timed[]): Percentiles =>
    percentilesOf(samples.filter(({ at }) => within(at)).map(({ ms }) => ms));
  const accepts = happened.offers.filter(({ state, endedAt }) => state === 'ACCEPTED' && within(endedAt));
  const looks = to.looks - from.looks;
  const workerBytes = to.memoryBytes.worker;
  return {
    seconds: rounded((to.at - from.at) / 1_000, 1),
    waiting: to.waiting,
    orders: happened.deliveries.filter(({ createdAt }) => within(createdAt)).length,
    looks,
    offers: happened.offers.filter(({ createdAt }) => within(createdAt)).length,
    accepts: accepts.length,
    looksAnAccept: accepts.length === 0 ? null : rounded(looks / accepts.length, 2),
    acceptMs: of(happened.accepts),
    offerMs: of(happened.offerLatencies),
    cores: coresBetween(from, to),
    workerMb: workerBytes === null ? null : rounded(workerBytes / 1e6, 1),
    chat: happened.notices.filter(({ channel, at }) => channel === 'chat' && within(at)).length,
    pages: pagesOf(happened.notices).pages.filter(within).length,
    slowTasks: to.slowTasks - from.slowTasks,
    notAnsweredInTime: to.notAnsweredInTime - from.notAnsweredInTime,
    unavailable: to.unavailable - from.unavailable,
  };
}

/** The figures between each reading and the next. */
export function stretchesOf(
  readings: readonly EveningReading[],
  happened: Happened,
): (StretchFigures & { fromMinute: number })[] {
  const startedAt = readings[0]?.at ?? 0;
  return readings.slice(1).flatMap((to, index) => {
    const from = readings[index];
    if (!from) return [];
    return [
      { fromMinute: rounded((from.at - startedAt) / 60_000, 2), ...stretchFigures(from, to, happened) },
    ];
  });
}

function coresBetween(from: EveningReading, to: EveningReading): StretchFigures['cores'] {
  const seconds = (to.at - from.at) / 1_000;
  const cores = (part: Part | 'load'): number | null => {
    const [before, after] = [from.cpuSeconds[part], to.cpuSeconds[part]];
    return before === null || after === null || seconds <= 0 ? null : rounded((after - before) / seconds, 3);
  };
  const [worker, api, temporal, postgres, redis] = PARTS.map(cores);
  return {
    worker: worker ?? null,
    api: api ?? null,
    temporal: temporal ?? null,
    postgres: postgres ?? null,
    redis: redis ?? null,
    load: cores('load'),
  };
}

const rounded = (value: number, digits: number): number => Math.round(value * 10 ** digits) / 10 ** digits;

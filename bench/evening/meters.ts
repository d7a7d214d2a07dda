import { readMetrics } from '../../simulator/kit/metricsText';
import { type MeterDeps, type Reading, readMeters } from '../growth/meters';

/** What the service has used and counted so far. */
export type EveningReading = Reading & {
  /** Searches of a delivery for a driver. */
  looks: number;
  /** Commands that their workflow did not answer in time, and answers 503. */
  notAnsweredInTime: number;
  unavailable: number;
  /** Workflow tasks that the SDK warned of, because they took over five seconds. */
  slowTasks: number;
  /** Deliveries of the city without a driver. */
  waiting: number;
};

export type EveningMeters = MeterDeps & {
  apiUrl: string;
  countWaiting: () => Promise<number>;
  slowTasks: () => number;
};

const PATIENCE_MS = 20_000;

export async function readEvening(meters: EveningMeters): Promise<EveningReading> {
  const [reading, worker, api, waiting] = await Promise.all([
    readMeters(meters),
    readMetrics(meters.workerUrl, PATIENCE_MS),
    readMetrics(meters.apiUrl, PATIENCE_MS),
    meters.countWaiting(),
  ]);
  return {
    ...reading,
    looks: worker.sum('driver_searches_total') ?? 0,
    notAnsweredInTime: api.sum('workflow_answer_seconds_count', { result: 'NOT_ANSWERED_IN_TIME' }) ?? 0,
    unavailable: api.sum('http_request_duration_seconds_count', { status: '503' }) ?? 0,
    slowTasks: meters.slowTasks(),
    waiting,
  };
}

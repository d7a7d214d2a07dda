import { metricsOf } from '../../simulator/kit/metricsText';

/**
 * Responses of the API since it started, from its own metrics. 503 is safe to retry; any other 5xx is a
 * server error.
 */
export type StatusCounts = { faults: number; tryAgain: number };

const TRY_AGAIN = 503;

/** @param metrics in Prometheus' text format */
export function statusCounts(metrics: string): StatusCounts {
  const counted = metricsOf(metrics)
    .samples.filter(({ name }) => name === 'http_request_duration_seconds_count')
    .map(({ labels, value }) => ({ status: Number(labels.status), count: value }));
  const sum = (is: (status: number) => boolean): number =>
    counted.filter(({ status }) => is(status)).reduce((total, { count }) => total + count, 0);
  return {
    faults: sum((status) => status >= 500 && status !== TRY_AGAIN),
    tryAgain: sum((status) => status === TRY_AGAIN),
  };
}

export async function readStatusCounts(apiUrl: string): Promise<StatusCounts> {
  const answer = await fetch(`${apiUrl}/metrics`);
  if (!answer.ok) throw new Error(`/metrics answered ${answer.status}`);
  return statusCounts(await answer.text());
}

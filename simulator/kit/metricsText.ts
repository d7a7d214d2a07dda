import parsePrometheusTextFormat from 'parse-prometheus-text-format';

/** One line of a process's `/metrics`: a series and its value. */
export type MetricSample = { name: string; labels: Readonly<Record<string, string>>; value: number };

/** A snapshot of the metrics of one process. */
export type Metrics = {
  samples: readonly MetricSample[];
  /** The sum over all series with these labels; undefined if there are none. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
  /** How many series there are. */
  count: number;
};

/** Parses Prometheus' text format. Histograms come as their `_bucket`, `_sum` and `_count` series. */
export function metricsOf(text: string): Metrics {
  const samples = samplesOf(text);
  return {
    samples,
    count: samples.length,
    sum: (name, wanted = {}) => {
      const found = samples.filter(
        (sample) =>
          sample.name === name && Object.entries(wanted).every(([key, is]) => sample.labels[key] === is),
      );
      return found.length === 0 ? undefined : found.reduce((total, { value }) => total + value, 0);
    },
  };
}

/**
 * @param url of the process, without `/metrics`
 * @param timeoutMs for the answer
 * @throws if it does not answer with 200 in time
 */
export async function readMetrics(url: string, timeoutMs = 5_000): Promise<Metrics> {
  const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(timeoutMs) });
  if (!answer.ok) throw new Error(`${url}/metrics answered ${answer.status}`);
  return metricsOf(await answer.text());
}

/** Without the TYPE lines, which would make the parser fold a histogram's series and drop their labels. */
function samplesOf(text: string): MetricSample[] {
  const series = text.replace(/^#.*\n?/gm, '');
  return parsePrometheusTextFormat(series).flatMap(({ name, metrics }) =>
    metrics.map(({ value, labels = {} }) => ({ name, labels, value: Number(value) })),
  );
}

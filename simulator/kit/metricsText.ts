import parsePrometheusTextFormat from 'parse-prometheus-text-format';

/** One line of a process's `/metrics`: a series and its value. */
export type MetricSample = { name: string; labels: Readonly<Record<string, string>>; value: number };

/** The metrics of one process at one moment. */
export type Metrics = {
  samples: readonly MetricSample[];
  /** The sum over all series with these labels; undefined where there is none. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
  /** How many series there are. */
  count: number;
};

/** Reads Prometheus' text format. Histograms come as their `_bucket`, `_sum` and `_count` series. */
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
 * @param url of a process, without `/metrics`
 * @param timeoutMs how long it may take to answer
 * @throws where it does not answer in time, or not with 200
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

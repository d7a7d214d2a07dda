/** What a process of ours says at /metrics: the values of a metric, each with its labels. */
export type Metrics = {
  /** The sum over all that have these labels; undefined where there is none. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
  /** How many series there are. */
  count: number;
};

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** The text form of Prometheus. */
export function metricsOf(text: string): Metrics {
  const values = text.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = LINE.exec(line) ?? [];
    return name === undefined
      ? []
      : [
          {
            name,
            labels: new Map([...labels.matchAll(LABEL)].map(([, key = '', is = '']) => [key, is])),
            value: Number(value),
          },
        ];
  });
  return {
    count: values.length,
    sum: (name, wanted = {}) => {
      const found = values.filter(
        (each) =>
          each.name === name && Object.entries(wanted).every(([key, is]) => each.labels.get(key) === is),
      );
      return found.length === 0 ? undefined : found.reduce((total, { value }) => total + value, 0);
    },
  };
}

/** @param url before `/metrics` @throws where it does not answer within 5 s */
export async function readMetrics(url: string): Promise<Metrics> {
  const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5_000) });
  if (!answer.ok) throw new Error(`${url}/metrics answered ${answer.status}`);
  return metricsOf(await answer.text());
}

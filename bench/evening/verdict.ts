import type { Fairness } from './fairness';
import type { StretchFigures } from './figures';

/** The goals of a bad evening. CPU in cores, each of worker and Temporal, while this many wait. */
export const GOALS = {
  looksAnAccept: 3,
  cores: 0.333,
  coresAtWaiting: 1_250,
  acceptP99Ms: 300,
  pages: 10,
} as const;

export type Judged = {
  whole: Pick<StretchFigures, 'looksAnAccept'>;
  /** The phases whose accepts are judged, by name. */
  phases: Readonly<Record<string, Pick<StretchFigures, 'acceptMs'>>>;
  /** The last minute with too few drivers. */
  peak: Pick<StretchFigures, 'cores' | 'waiting'>;
  pages: number;
  fairness: Pick<Fairness, 'noDriver' | 'leftWaiting'>;
  /** They have no latency, and would be the slowest. */
  unansweredAccepts: number;
  failures: readonly string[];
};

/** The goals that were missed, in words. What could not be measured counts as missed. */
export function problemsOf({
  whole,
  phases,
  peak,
  pages,
  fairness,
  unansweredAccepts,
  failures,
}: Judged): string[] {
  const problems: string[] = [];
  const { looksAnAccept } = whole;
  if (looksAnAccept === null) problems.push('no offer was accepted');
  else if (looksAnAccept > GOALS.looksAnAccept)
    problems.push(`${looksAnAccept} looks an accept, more than ${GOALS.looksAnAccept}`);
  for (const name of ['worker', 'temporal'] as const) {
    const cores = peak.cores[name];
    if (cores === null) problems.push(`the CPU of ${name} could not be read`);
    else if (cores > GOALS.cores)
      problems.push(`${name}: ${cores} of a core with ${peak.waiting} waiting, more than ${GOALS.cores}`);
  }
  for (const [name, { acceptMs }] of Object.entries(phases)) {
    const { p99 } = acceptMs;
    if (p99 === null) problems.push(`${name}: no accept was measured`);
    else if (p99 >= GOALS.acceptP99Ms)
      problems.push(`${name}: accept p99 ${p99} ms, not below ${GOALS.acceptP99Ms}`);
  }
  if (unansweredAccepts > 0) problems.push(`${unansweredAccepts} accepts were never answered`);
  if (pages > GOALS.pages) problems.push(`${pages} pages, more than ${GOALS.pages}`);
  if (fairness.noDriver > 0) problems.push(`${fairness.noDriver} orders ended with NO_DRIVER`);
  if (fairness.leftWaiting > 0)
    problems.push(`${fairness.leftWaiting} orders of the bad minutes never got a driver`);
  return [...problems, ...failures];
}

/** Whether the run shows what the CPU goal asks for: as many deliveries waited. */
export function isBacklogAsLarge({ waiting }: Pick<StretchFigures, 'waiting'>): boolean {
  return waiting >= GOALS.coresAtWaiting;
}

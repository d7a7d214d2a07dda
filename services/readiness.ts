import pTimeout from 'p-timeout';
import { type DependencyChecks } from './ports';

export type DependencyState = { state: 'up' | 'down'; ms: number; why: string | null };

/** `degraded`: the process serves, and something that it could use is down. */
export type ReadinessReport = {
  status: 'ready' | 'degraded' | 'not ready';
  dependencies: Readonly<Record<string, DependencyState>>;
};

export type ReadinessDeps = {
  /** What the process cannot do without. */
  needed: DependencyChecks;
  /** What it can do without for a while: reported, and no reason to send requests elsewhere. */
  useful?: DependencyChecks;
  onDown: (name: string, error: unknown) => void;
  /** How long a report is given out before the dependencies are asked again. Default: a second. */
  keptMs?: number;
};

/** A dependency that does not answer within this time counts as down. */
const CHECK_TIMEOUT_MS = 2_000;
const KEPT_MS = 1_000;

/**
 * Reports whether a process can work. However many ask, each dependency is asked once at a time and once a
 * second, so that a flood of probes costs it nothing.
 */
export function createReadiness({
  needed,
  useful = {},
  onDown,
  keptMs = KEPT_MS,
}: ReadinessDeps): () => Promise<ReadinessReport> {
  let latest: { report: ReadinessReport; at: number } | null = null;
  let running: Promise<ReadinessReport> | null = null;
  const check = async (): Promise<ReadinessReport> => {
    const [neededStates, usefulStates] = await Promise.all([
      statesOf(needed, onDown),
      statesOf(useful, onDown),
    ]);
    const status = isDown(neededStates) ? 'not ready' : isDown(usefulStates) ? 'degraded' : 'ready';
    const report: ReadinessReport = { status, dependencies: { ...neededStates, ...usefulStates } };
    latest = { report, at: performance.now() };
    return report;
  };
  return async () => {
    if (latest && performance.now() - latest.at < keptMs) return latest.report;
    return (running ??= check().finally(() => (running = null)));
  };
}

type States = Readonly<Record<string, DependencyState>>;

function isDown(states: States): boolean {
  return Object.values(states).some(({ state }) => state === 'down');
}

async function statesOf(checks: DependencyChecks, onDown: ReadinessDeps['onDown']): Promise<States> {
  const entries = Object.entries(checks).map(
    async ([name, check]) => [name, await stateOf(check, (error) => onDown(name, error))] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

async function stateOf(
  check: DependencyChecks[string],
  onDown: (error: unknown) => void,
): Promise<DependencyState> {
  const begun = performance.now();
  const ms = (): number => Math.round(performance.now() - begun);
  try {
    await pTimeout(check(), { milliseconds: CHECK_TIMEOUT_MS, message: 'no answer in time' });
    return { state: 'up', ms: ms(), why: null };
  } catch (error) {
    onDown(error);
    return { state: 'down', ms: ms(), why: error instanceof Error ? error.message : String(error) };
  }
}

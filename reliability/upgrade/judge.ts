import { WORKFLOWS } from '../../workflows/contract';
import type { Run } from './runs';

/**
 * The period of a current build. Runs that begin after `doneAt` start on it; between `askedAt` and `doneAt`
 * on it or the build before. Epoch ms.
 */
export type Epoch = { build: string; askedAt: number; doneAt: number };

export type RolloutFigures = {
  runs: number;
  deliveries: number;
  deliveriesByEpoch: number[];
  /** Deliveries that were open when the current build changed, and ended on the build that they began on. */
  crossed: number;
  failedTasks: number;
};

/** How long after its start the first task of a run may come. */
const FIRST_TASK_MS = 1_000;
const GOOD_ENDS = ['COMPLETED', 'CONTINUED_AS_NEW', 'RUNNING'];

/**
 * Checks pinning: each run stays on one build, the current one at its start, and no task fails. Runs from
 * before the first period are ignored.
 */
export function judgeRuns(
  all: readonly Run[],
  epochs: readonly Epoch[],
): { figures: RolloutFigures; problems: string[] } {
  const runs = all.filter(({ startedAt }) => startedAt >= (epochs[0]?.doneAt ?? Infinity));
  const deliveries = runs.filter(({ type }) => type === WORKFLOWS.delivery);
  const deliveriesByEpoch = epochs.map(
    (_, index) => deliveries.filter((run) => epochOf(run, epochs) === index).length,
  );
  const crossed = deliveries.filter((run) => hasCrossed(run, epochs));
  const figures = {
    runs: runs.length,
    deliveries: deliveries.length,
    deliveriesByEpoch,
    crossed: crossed.length,
    failedTasks: runs.reduce((sum, { failedTasks }) => sum + failedTasks, 0),
  };
  const unseen = [
    ...deliveriesByEpoch.flatMap((count, index) =>
      count === 0 ? [`no delivery began while build ${index + 1} was current: nothing was tested`] : [],
    ),
    ...(crossed.length === 0 ? ['no delivery was open when the build changed: nothing was tested'] : []),
  ];
  return { figures, problems: [...runs.flatMap((run) => problemsOf(run, epochs)), ...unseen] };
}

function problemsOf(run: Run, epochs: readonly Epoch[]): string[] {
  const { workflowId, builds, pinnedTo, failedTasks, status } = run;
  const wanted = epochs[epochOf(run, epochs) ?? -1]?.build;
  const problems = [
    ...(failedTasks > 0 ? [`${failedTasks} of its tasks failed`] : []),
    ...(builds.length > 1 ? [`builds ${builds.join(' and ')} had it`] : []),
    ...(builds.length > 0 && (pinnedTo === null || !builds.includes(pinnedTo))
      ? [`it is pinned to ${pinnedTo ?? 'nothing'}, but ran on ${builds.join(', ')}`]
      : []),
    ...(wanted !== undefined && builds.length > 0 && !builds.includes(wanted)
      ? [`it began on ${builds.join(', ')}, not on the current build ${wanted}`]
      : []),
    ...(GOOD_ENDS.includes(status) ? [] : [`it is ${status}`]),
  ];
  return problems.map((problem) => `run of ${workflowId}: ${problem}`);
}

/**
 * The period a run began in.
 * @returns undefined where it may be either of two
 */
function epochOf({ startedAt }: Run, epochs: readonly Epoch[]): number | undefined {
  const index = epochs.findIndex(
    ({ doneAt }, at) =>
      startedAt >= doneAt && startedAt < (epochs[at + 1]?.askedAt ?? Infinity) - FIRST_TASK_MS,
  );
  return index < 0 ? undefined : index;
}

function hasCrossed(run: Run, epochs: readonly Epoch[]): boolean {
  const later = epochs[(epochOf(run, epochs) ?? Infinity) + 1];
  return later !== undefined && run.endedAt !== null && run.endedAt > later.doneAt && run.builds.length === 1;
}

import { describe, expect, test } from '@jest/globals';
import { type Epoch, judgeRuns } from '../../reliability/upgrade/judge';
import type { Run } from '../../reliability/upgrade/runs';
import { statusCounts } from '../../reliability/upgrade/statusCounts';

const EPOCHS: Epoch[] = [
  { build: 'old', askedAt: 0, doneAt: 1_000 },
  { build: 'new', askedAt: 20_000, doneAt: 21_000 },
];
const run = (changes: Partial<Run>): Run => ({
  workflowId: 'delivery/shop/1',
  type: 'delivery',
  startedAt: 5_000,
  endedAt: 9_000,
  status: 'COMPLETED',
  pinnedTo: 'old',
  builds: ['old'],
  failedTasks: 0,
  ...changes,
});
const CROSSED = run({ endedAt: 30_000 });
const LATER = run({ startedAt: 25_000, endedAt: 26_000, pinnedTo: 'new', builds: ['new'] });

describe('runs beside two builds', () => {
  test('pass where each stayed on the build that was current at its start', () => {
    expect(judgeRuns([CROSSED, LATER], EPOCHS)).toEqual({
      figures: { runs: 2, deliveries: 2, deliveriesByEpoch: [1, 1], crossed: 1, failedTasks: 0 },
      problems: [],
    });
  });

  test.each([
    ['a task failed', { failedTasks: 2 }, /2 of its tasks failed/],
    ['a run changed its build', { builds: ['old', 'new'] }, /builds old and new had it/],
    ['it is pinned to nothing', { pinnedTo: null }, /pinned to nothing/],
    ['it began on the wrong build', { pinnedTo: 'new', builds: ['new'] }, /not on the current build old/],
    ['it did not end well', { status: 'TERMINATED' }, /it is TERMINATED/],
  ])('fail where %s', (_what, changes, problem) => {
    const { problems } = judgeRuns([CROSSED, LATER, run(changes)], EPOCHS);
    expect(problems).toEqual([expect.stringMatching(problem)]);
  });

  test('may be on either build where they began during the change', () => {
    for (const build of ['old', 'new'])
      expect(
        judgeRuns([CROSSED, LATER, run({ startedAt: 20_500, pinnedTo: build, builds: [build] })], EPOCHS)
          .problems,
      ).toEqual([]);
  });

  test('test nothing where none began on a build, or none was open at the change', () => {
    expect(judgeRuns([CROSSED], EPOCHS).problems).toEqual([
      expect.stringMatching(/no delivery began while build 2 was current/),
    ]);
    expect(judgeRuns([run({}), LATER], EPOCHS).problems).toEqual([
      expect.stringMatching(/no delivery was open/),
    ]);
  });

  test('from before versioning are ignored', () => {
    expect(
      judgeRuns(
        [CROSSED, LATER, run({ startedAt: 500, pinnedTo: null, builds: ['none', 'old'], failedTasks: 1 })],
        EPOCHS,
      ).problems,
    ).toEqual([]);
  });
});

test('a 503 counts as retryable, any other 5xx as a server error', () => {
  const metrics = [500, 502, 503, 200, 404].map(
    (status, index) =>
      `http_request_duration_seconds_count{method="GET",route="/x",status="${status}"} ${index + 1}`,
  );
  expect(statusCounts(['# HELP http_request_duration_seconds_count', ...metrics].join('\n'))).toEqual({
    faults: 3,
    tryAgain: 3,
  });
});

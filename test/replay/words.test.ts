/** The output and exit codes of `npm run verify -- histories`, run from the compiled programs. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { explain, reasonOf } from '../../worker/replayCheck/words';

const file = { workflow: 'delivery', release: '2.0.0', scenario: 'failed-at-pickup' };
const inner = (message: string): Error =>
  new Error(
    'Replay failed. Details: Workflow activation completion failed: ' +
      `Failure { failure: Some(Failure { message: "${message}", source: "" }) }`,
  );

describe('a history that does not replay', () => {
  test.each([
    [
      inner('[TMPRL1100] Nondeterminism error: Missing associated machine for LocalActivity(1)'),
      'the history has LocalActivity(1), which these workflows do not do, or not at that point',
    ],
    [
      inner(
        '[TMPRL1100] Nondeterminism error: Timer machine does not handle this event: HistoryEvent(id: 5, TimerFired)',
      ),
      'its event 5 is TimerFired, where these workflows do something of kind Timer',
    ],
    [
      inner("Failed to initialize workflow of type 'x': no such function is exported by the workflow bundle"),
      'these workflows do not have it any more, or under another name',
    ],
    [new Error('something\n  else'), 'something else'],
  ])('has a reason in words: %s', (error, words) => {
    expect(reasonOf(error)).toBe(words);
  });

  test('is reported with its release, its meaning and the next step', () => {
    const words = explain(
      [
        {
          file,
          error: inner('[TMPRL1100] Nondeterminism error: Missing associated machine for LocalActivity(1)'),
        },
      ],
      63,
    );
    expect(words).toMatch(/^1 of 63 .*do not replay/);
    expect(words).toMatch(/2\.0\.0: failed at pickup/);
    expect(words).toMatch(/patched\('what-changed'\)/);
    expect(words).toMatch(/docs\/upgrading\.md/);
  });

  test('is not mentioned where there is none', () => {
    expect(explain([], 63)).toMatch(/^All 63 recorded histories replay/);
  });
});

describe('npm run verify -- histories', () => {
  const check = (...args: string[]) =>
    promisify(execFile)(process.execPath, ['scripts/built.mjs', 'dist/worker/replayCheck/main.js', ...args], {
      cwd: join(__dirname, '../..'),
    }).then(
      (done) => ({ code: 0, ...done }),
      (error: { code: number; stdout: string; stderr: string }) => error,
    );
  const altered = async (name: string, act: (bundle: string) => Promise<void>): Promise<void> => {
    const dir = mkdtempSync(join(tmpdir(), 'altered-'));
    try {
      const { code } = await bundleWorkflowCode({
        workflowsPath: join(__dirname, `altered/${name}.ts`),
        logger: new DefaultLogger('ERROR'),
      });
      writeFileSync(join(dir, 'bundle.js'), code);
      await act(join(dir, 'bundle.js'));
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  };

  test('ends with 0 for the current workflows', async () => {
    const { code, stdout } = await check();
    expect({ code, ...(JSON.parse(stdout) as object) }).toMatchObject({ code: 0, refused: [] });
  }, 120_000);

  test('ends with 1 for an incompatible workflow, and names history and release', async () => {
    await altered('unguarded', async (bundle) => {
      const { code, stderr } = await check('--bundle', bundle);
      expect(code).toBe(1);
      expect(stderr).toMatch(/delivery: the history has LocalActivity\(1\)/);
      expect(stderr).toMatch(/2\.0\.0: .*delivered/);
      expect(stderr).toMatch(/patched/);
    });
  }, 120_000);

  test('ends with 2 for a missing bundle', async () => {
    expect((await check('--bundle', join(tmpdir(), 'no-such-bundle.js'))).code).toBe(2);
  }, 120_000);
});

/**
 * Today's workflows replay the histories of all releases: a delivery that is running during an upgrade must
 * continue (npm run verify -- histories). Needs no server.
 */
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { bundleWorkflowCode, DefaultLogger, type WorkerOptions } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { WORKFLOWS } from '../../workflows/contract';
import { workflowsUnderTest } from '../support/workflowsUnderTest';
import { type HistoryFile, historyFiles, readHistory, readText } from '../../worker/replayCheck/histories';
import type { RecordedHistory } from '../../worker/replayCheck/historyJson';
import { mustBeShown, shownBy } from './endings';
import { FOLDER, payloadsOf, recordedSums, sumOf, thisRelease } from './historyFiles';
import { replay } from './replay';
import { SCENARIOS } from './scenarios';

const FILES = historyFiles(FOLDER);
const nameOf = ({ workflow, release, scenario }: HistoryFile): string => `${workflow}/${release}-${scenario}`;
const recorded = (files: readonly HistoryFile[]): { name: string; history: RecordedHistory }[] =>
  files.map((file) => ({ name: nameOf(file), history: readHistory(file) }));
const OF_THIS_RELEASE = FILES.filter(({ release }) => release === thisRelease());
const deliveries = FILES.filter(({ workflow }) => workflow === WORKFLOWS.delivery);

describe('recorded histories', () => {
  test('all replay on the current workflows', async () => {
    expect(await replay(workflowsUnderTest(), recorded(FILES))).toEqual({});
  }, 120_000);

  test('exist for every scenario of this release, as `npm run verify -- record` writes them', () => {
    const kept = new Set(OF_THIS_RELEASE.map(({ workflow, scenario }) => `${workflow}/${scenario}`));
    expect(
      SCENARIOS.map(({ workflow, name }) => `${workflow}/${name}`).filter((name) => !kept.has(name)),
    ).toEqual([]);
  });

  test('exist for every workflow of this release', () => {
    expect(new Set(OF_THIS_RELEASE.map(({ workflow }) => workflow))).toEqual(
      new Set(Object.values(WORKFLOWS)),
    );
  });

  test('of this release cover every ending, event, query and reason', () => {
    const shown = new Set(OF_THIS_RELEASE.flatMap((file) => shownBy(readHistory(file))));
    expect(mustBeShown().filter((each) => !shown.has(each))).toEqual([]);
  });

  test('match their checksums, and none is missing', () => {
    expect(new Map(FILES.map((file) => [`${nameOf(file)}.json`, sumOf(readText(file))]))).toEqual(
      recordedSums(),
    );
  });

  test.each(FILES.map((file) => [nameOf(file), file] as const))(
    '%s does not say who or where',
    (_name, file) => {
      const text = readText(file);
      expect(text).not.toMatch(/"(identity|stackTrace)"|\d+@[\w.-]+/);
      const said = JSON.stringify(payloadsOf(readHistory(file)));
      for (const everything of [text, said])
        expect(everything).not.toMatch(/\/(home|root|work|tmp|Users|mnt|opt|var|usr)\//);
      expect(said).not.toMatch(
        /Sam|Kim|street|Bakery|"(name|phone|address|contactName|contactPhone|notes|lat|lng|point|payload|token)"/,
      );
    },
  );
});

describe('a change of the workflow', () => {
  const bundleOf = async (name: string): Promise<Pick<WorkerOptions, 'workflowBundle'>> => ({
    workflowBundle: await bundleWorkflowCode({
      workflowsPath: join(__dirname, `altered/${name}.ts`),
      logger: new DefaultLogger('ERROR'),
    }),
  });

  test('that breaks running workflows is found by every delivery’s history', async () => {
    const wrong = await replay(await bundleOf('unguarded'), recorded(deliveries));
    expect(Object.keys(wrong).sort()).toEqual(deliveries.map(nameOf).sort());
    for (const error of Object.values(wrong)) expect(error).toBeInstanceOf(DeterminismViolationError);
  }, 120_000);

  test('behind `patched` passes with every history', async () => {
    expect(await replay(await bundleOf('guarded'), recorded(deliveries))).toEqual({});
  }, 120_000);
});

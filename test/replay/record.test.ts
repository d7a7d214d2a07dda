/**
 * Runs every scenario on a real server and replays the recorded history. `npm run verify -- record` keeps the
 * histories for later releases.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { History } from '@temporalio/common/lib/proto-utils';
import { cityDispatchWorkflowId } from '../../workflows/contract';
import { eventually } from '../support/eventually';
import { createRealTemporalWorld, type RealTemporalWorld } from '../support/realTemporalWorld';
import { workflowsUnderTest } from '../support/workflowsUnderTest';
import { recordable, writeHistory } from './historyFiles';
import { replay } from './replay';
import { play, SCENARIOS } from './scenarios';
import { Stage } from './stage';

const isRecording = process.env.RECORD_HISTORIES === 'true';

/** Replays a history on today's workflows, and stores it where requested. */
async function judge(
  { workflow, scenario }: { workflow: string; scenario: string },
  fetched: History,
): Promise<void> {
  const history = recordable(fetched);
  expect(await replay(workflowsUnderTest(), [{ name: scenario, history }])).toEqual({});
  if (isRecording) writeHistory({ workflow, scenario }, history);
}

describe('a scenario recorded today', () => {
  let world: RealTemporalWorld;
  beforeAll(async () => {
    world = await createRealTemporalWorld();
  }, 60_000);
  afterAll(() => world.close());

  test.each(SCENARIOS.map((scenario) => [`${scenario.workflow}: ${scenario.name}`, scenario] as const))(
    '%s, replays',
    async (_name, scenario) => {
      const workflowId = await play(scenario, world);
      await judge(
        { workflow: scenario.workflow, scenario: scenario.name },
        await world.env.client.workflow.getHandle(workflowId).fetchHistory(),
      );
    },
  );
});

describe('where the server suggests continue-as-new', () => {
  let world: RealTemporalWorld;
  beforeAll(async () => {
    world = await createRealTemporalWorld({
      dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': '12' },
    });
  }, 60_000);
  afterAll(() => world.close());

  test('a delivery continues as new, loses nothing, and each of its runs replays', async () => {
    const { client } = world.env;
    const stage = await Stage.set(world, [2]);
    const { delivery, driverId } = await stage.accepted();
    const { runId } = await delivery.handle.describe();
    await stage.steps(delivery, driverId, 'arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver');
    expect(await delivery.handle.result()).toBe('DELIVERED');
    const [first, last] = await Promise.all([
      client.workflow.getHandle(delivery.workflowId, runId).fetchHistory(),
      client.workflow.getHandle(delivery.workflowId).fetchHistory(),
    ]);
    expect(first.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes).toBeTruthy();
    await judge({ workflow: 'delivery', scenario: 'continued-as-new' }, first);
    await judge({ workflow: 'delivery', scenario: 'delivered-by-a-later-run' }, last);
  });

  test('the owner of a city continues as new, and proposes in a later run', async () => {
    const stage = await Stage.set(world, []);
    const handle = world.env.client.workflow.getHandle(cityDispatchWorkflowId(stage.cityId));
    let runId: string | undefined;
    const { delivery } = await stage.matched(async () => {
      ({ runId } = await handle.describe());
      await eventually('another run has begun', async () => {
        await world.dispatcher.callRound(stage.cityId, 'test');
        return (await handle.describe()).runId !== runId;
      });
    });
    await stage.cancel(delivery);
    const first = await world.env.client.workflow.getHandle(handle.workflowId, runId).fetchHistory();
    expect(first.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes).toBeTruthy();
    await judge({ workflow: 'cityDispatch', scenario: 'continued-as-new' }, first);
  });
});

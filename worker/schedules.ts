import { type Client, ScheduleAlreadyRunning, type ScheduleOptions, ScheduleOverlapPolicy } from '@temporalio/client';
import { TASK_QUEUE, WORKFLOWS } from '../workflows/contract';

const SECOND_MS = 1_000;

/** The sweeps and how often they run. They prove the invariants and repair what a bug or a lost Redis broke (design: sweeps). */
const SWEEPS = [
  { scheduleId: 'presence-sweep', workflowType: WORKFLOWS.presenceSweep, everyMs: 15 * SECOND_MS, says: 'who is silent, whose break is overdue, is the map right' },
  { scheduleId: 'open-rows-sweep', workflowType: WORKFLOWS.openRowsSweep, everyMs: 30 * SECOND_MS, says: 'has every open delivery a running workflow' },
  { scheduleId: 'upkeep-sweep', workflowType: WORKFLOWS.upkeepSweep, everyMs: 3_600 * SECOND_MS, says: 'partitions ahead, outbox pruned' },
] as const;

/** Creates the Schedules, or makes those of an older version say what this one says. Any worker may do it at any time. */
export async function ensureSchedules(client: Client): Promise<void> {
  for (const sweep of SWEEPS) await ensure(client, optionsOf(sweep));
}

function optionsOf({ scheduleId, workflowType, everyMs, says }: (typeof SWEEPS)[number]): ScheduleOptions {
  return {
    scheduleId,
    spec: { intervals: [{ every: everyMs }] },
    action: { type: 'startWorkflow', workflowType, taskQueue: TASK_QUEUE, workflowId: scheduleId, workflowTaskTimeout: '2s', staticSummary: says },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: 30 * SECOND_MS },
  };
}

async function ensure(client: Client, options: ScheduleOptions): Promise<void> {
  try {
    await client.schedule.create(options);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await client.schedule.getHandle(options.scheduleId).update(({ state }) => ({ ...options, state }));
  }
}

/** Sweeps run by Temporal Schedules, which every worker creates at its start. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { ensureSchedules } from '../../worker/schedules';
import { WORKFLOWS } from '../../workflows/contract';
import { startDevServer } from '../support/devServer';
import { eventually } from '../support/eventually';
import { workflowsUnderTest } from '../support/workflowsUnderTest';

const TIMES = { escalationCheckMs: 120_000, lostDriversMs: 15_000, windowsMs: 30_000 };

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  env = await startDevServer({});
}, 60_000);
afterAll(() => env.teardown());

describe('the schedules', () => {
  test('exist once per sweep although several workers create them', async () => {
    await Promise.all([ensureSchedules(env.client, TIMES), ensureSchedules(env.client, TIMES)]);
    await ensureSchedules(env.client, TIMES);
    const listed = await eventually('they are listed', async () => {
      const ids: string[] = [];
      for await (const { scheduleId } of env.client.schedule.list()) ids.push(scheduleId);
      return ids.length >= Object.keys(WORKFLOWS).filter((name) => name.endsWith('Sweep')).length
        ? ids
        : false;
    });
    expect(new Set(listed).size).toBe(listed.length);
  });

  test('end an abandoned run, so that it does not block the next one', async () => {
    await ensureSchedules(env.client, TIMES);
    const limits = new Map<string, unknown>();
    for (const scheduleId of ['presence-sweep', 'audit-sweep']) {
      const { action } = await env.client.schedule.getHandle(scheduleId).describe();
      const { workflowExecutionTimeout } = action;
      limits.set(scheduleId, workflowExecutionTimeout);
    }
    expect(Object.fromEntries(limits)).toEqual({
      'presence-sweep': 20 * 60_000,
      'audit-sweep': 24 * 3_600_000,
    });
  });

  test('check the audit trail at 03:17 UTC every day', async () => {
    await ensureSchedules(env.client, TIMES);
    const {
      info: { nextActionTimes },
      policies,
    } = await env.client.schedule.getHandle('audit-sweep').describe();
    expect(nextActionTimes.length).toBeGreaterThan(1);
    for (const at of nextActionTimes) expect(at.toISOString()).toMatch(/T03:17:00\.000Z$/);
    expect(policies.catchupWindow).toBe(12 * 3_600_000);
  });

  test('give each pass of the open-rows sweep the progress of the previous pass', async () => {
    const [scheduleId, taskQueue] = ['left-by-the-last', 'left-by-the-last'];
    const left = { rowsAfterId: '0190', runsStartedUntil: 5 };
    const taken: unknown[] = [];
    const worker = await Worker.create({
      ...workflowsUnderTest(),
      connection: env.nativeConnection,
      namespace: env.client.options.namespace,
      taskQueue,
      activities: {
        sweepOpenRows: async (progress: unknown) => {
          taken.push(progress);
          return { progress: left };
        },
      },
    });
    const schedule = await env.client.schedule.create({
      scheduleId,
      spec: { intervals: [{ every: '1s' }] },
      action: { type: 'startWorkflow', workflowType: WORKFLOWS.openRowsSweep, taskQueue },
    });
    await worker.runUntil(() => eventually('there were two passes', async () => taken.length >= 2));
    await schedule.delete();
    expect(taken.slice(0, 2)).toEqual([undefined, left]);
  });
});

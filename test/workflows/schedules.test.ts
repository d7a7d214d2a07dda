/** Sweeps run by Temporal Schedules, which every worker creates at its start. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import type { AnnouncedIntervals, SweepIntervals } from '../../adapters/redis/sweepIntervals';
import { ensureSchedules, followIntervals } from '../../worker/schedules';
import { WORKFLOWS } from '../../workflows/contract';
import { startDevServer } from '../support/devServer';
import { eventually } from '../support/eventually';
import { workflowsUnderTest } from '../support/workflowsUnderTest';

const TIMES = { escalationCheckMs: 120_000, lostDriversMs: 15_000, windowsMs: 30_000, matchingNetMs: 60_000 };

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

  test('keep their interval while workers of two settings start in turn, and end at the last ones', async () => {
    const wants = new Map<string, SweepIntervals>();
    const worker = (name: string, escalationCheckMs: number) => {
      const times = { ...TIMES, escalationCheckMs };
      const announced: AnnouncedIntervals = {
        announce: async (own) => {
          wants.set(name, own);
          return Object.fromEntries(
            Object.keys(own).map((id) => [
              id,
              Math.min(...[...wants.values()].map((each) => each[id] ?? Infinity)),
            ]),
          );
        },
      };
      return {
        start: () => ensureSchedules(env.client, times, announced),
        goesOn: () => followIntervals(env.client, times, announced),
        startWithoutRedis: () =>
          ensureSchedules(env.client, times, { announce: () => Promise.reject(new Error('Redis is away')) }),
      };
    };
    const every = async () =>
      (await env.client.schedule.getHandle('escalation-sweep').describe()).spec.intervals?.[0]?.every;
    const [before, after] = [worker('before', 60_000), worker('after', 300_000)];
    await before.start();
    expect(await every()).toBe(60_000);
    for (const each of [after.start, before.start, after.start, after.goesOn, before.goesOn]) {
      await each();
      expect(await every()).toBe(60_000);
    }
    wants.delete('before');
    await after.goesOn();
    expect(await every()).toBe(300_000);
    await before.startWithoutRedis();
    expect(await every()).toBe(300_000);
    await before.start(); // rolled back
    expect(await every()).toBe(60_000);
    await ensureSchedules(env.client, TIMES);
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

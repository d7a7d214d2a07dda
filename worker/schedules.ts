import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
  type ScheduleSpec,
} from '@temporalio/client';
import type { AnnouncedIntervals, SweepIntervals } from '../adapters/redis/sweepIntervals';
import { TASK_QUEUE, WORKFLOWS } from '../workflows/contract';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** The slowest sweep tries three times for five minutes. */
const SWEPT_WITHIN_MS = 20 * MINUTE_MS;

type Sweep = {
  scheduleId: string;
  workflowType: (typeof WORKFLOWS)[keyof typeof WORKFLOWS];
  everyMs: number;
  /** Offset from the start of an interval, counted from midnight UTC. */
  offsetMs?: number;
  /** How late a missed run may still start. */
  catchupMs?: number;
  /**
   * A longer run is ended: one that no worker can continue, because its build is gone, must not block the
   * next.
   */
  withinMs?: number;
  says: string;
};

/** Intervals from the settings, in ms. */
export type SweepTimes = {
  escalationCheckMs: number;
  lostDriversMs: number;
  windowsMs: number;
  matchingNetMs: number;
};

/**
 * The sweeps and their intervals. They prove the invariants and repair what a bug or a lost Redis broke
 * (docs/architecture.md#why-timers-and-why-sweeps).
 */
const sweepsOf = ({
  escalationCheckMs,
  lostDriversMs,
  windowsMs,
  matchingNetMs,
}: SweepTimes): readonly Sweep[] => [
  {
    scheduleId: 'escalation-sweep',
    workflowType: WORKFLOWS.escalationSweep,
    everyMs: Math.max(SECOND_MS, escalationCheckMs),
    says: 'is every overdue delivery on its level',
  },
  {
    scheduleId: 'presence-sweep',
    workflowType: WORKFLOWS.presenceSweep,
    everyMs: 15 * SECOND_MS,
    says: 'who is silent, whose break is overdue, is the map right',
  },
  {
    scheduleId: 'lost-drivers-sweep',
    workflowType: WORKFLOWS.lostDriversSweep,
    everyMs: Math.max(2 * SECOND_MS, lostDriversMs),
    says: 'who with work is silent or makes no way',
  },
  {
    scheduleId: 'windows-sweep',
    workflowType: WORKFLOWS.windowsSweep,
    everyMs: Math.max(2 * SECOND_MS, windowsMs),
    says: 'who is not expected within the window',
  },
  {
    scheduleId: 'matching-net-sweep',
    workflowType: WORKFLOWS.matchingNetSweep,
    everyMs: Math.max(SECOND_MS, Math.round(matchingNetMs / 4)),
    says: 'who waits for a matching that no longer comes',
  },
  {
    scheduleId: 'open-rows-sweep',
    workflowType: WORKFLOWS.openRowsSweep,
    everyMs: 30 * SECOND_MS,
    says: 'has every open delivery a running workflow',
  },
  {
    scheduleId: 'upkeep-sweep',
    workflowType: WORKFLOWS.upkeepSweep,
    everyMs: 3_600 * SECOND_MS,
    says: 'partitions ahead; outbox, places and zone health pruned',
  },
  {
    scheduleId: 'erasure-sweep',
    workflowType: WORKFLOWS.erasureSweep,
    everyMs: 5 * MINUTE_MS,
    says: 'personal data that was asked to end, or is too old',
  },
  {
    scheduleId: 'zone-health-sweep',
    workflowType: WORKFLOWS.zoneHealthSweep,
    everyMs: 60 * SECOND_MS,
    says: 'how every zone fares',
  },
  // At 03:17 UTC, a quiet hour, or later that day if no worker was up.
  {
    scheduleId: 'audit-sweep',
    workflowType: WORKFLOWS.auditSweep,
    everyMs: DAY_MS,
    offsetMs: 197 * MINUTE_MS,
    catchupMs: DAY_MS / 2,
    withinMs: DAY_MS,
    says: 'do the hash chains of the audit trail hold',
  },
];

/**
 * Creates the Schedules, or updates those of an older version. Any worker may call it at any time. Workers
 * whose intervals differ agree on the shortest: during a rolling deploy no restart changes it back.
 * @param announced without it this worker's own intervals hold
 */
export async function ensureSchedules(
  client: Client,
  times: SweepTimes,
  announced?: AnnouncedIntervals,
): Promise<void> {
  const sweeps = sweepsOf(times);
  const agreed = await agree(sweeps, announced);
  for (const sweep of sweeps) await ensure(client, optionsOf(sweep), agreed);
}

/** Repeats what this worker wants, and follows where what the workers agree on has changed. */
export async function followIntervals(
  client: Client,
  times: SweepTimes,
  announced: AnnouncedIntervals,
): Promise<void> {
  const sweeps = sweepsOf(times);
  const agreed = await announced.announce(wantedBy(sweeps));
  for (const { scheduleId } of sweeps) {
    const every = agreed[scheduleId];
    if (every !== undefined) await follow(client, scheduleId, every);
  }
}

/** Null while Redis is away: the intervals that the Schedules have stay. */
async function agree(
  sweeps: readonly Sweep[],
  announced: AnnouncedIntervals | undefined,
): Promise<SweepIntervals | null> {
  const own = wantedBy(sweeps);
  return announced === undefined ? own : announced.announce(own).catch(() => null);
}

function wantedBy(sweeps: readonly Sweep[]): SweepIntervals {
  return Object.fromEntries(sweeps.map(({ scheduleId, everyMs }) => [scheduleId, everyMs]));
}

function optionsOf({
  scheduleId,
  workflowType,
  everyMs,
  offsetMs,
  catchupMs,
  withinMs,
  says,
}: Sweep): ScheduleOptions {
  return {
    scheduleId,
    spec: { intervals: [{ every: everyMs, offset: offsetMs }] },
    action: {
      type: 'startWorkflow',
      workflowType,
      taskQueue: TASK_QUEUE,
      workflowId: scheduleId,
      workflowTaskTimeout: '2s',
      workflowExecutionTimeout: withinMs ?? SWEPT_WITHIN_MS,
      staticSummary: says,
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: catchupMs ?? 30 * SECOND_MS },
  };
}

async function ensure(
  client: Client,
  options: ScheduleOptions,
  agreed: SweepIntervals | null,
): Promise<void> {
  const every = agreed?.[options.scheduleId];
  const spec = every === undefined ? options.spec : at(options.spec, every);
  try {
    await client.schedule.create({ ...options, spec });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await client.schedule
      .getHandle(options.scheduleId)
      .update((before) => ({ ...options, spec: agreed === null ? before.spec : spec, state: before.state }));
  }
}

async function follow(client: Client, scheduleId: string, every: number): Promise<void> {
  const schedule = client.schedule.getHandle(scheduleId);
  const { spec } = await schedule.describe();
  if (spec.intervals?.[0]?.every === every) return;
  await schedule.update((before) => ({ ...before, spec: at(before.spec, every) }));
}

function at(spec: ScheduleSpec, every: number): ScheduleSpec {
  return { ...spec, intervals: (spec.intervals ?? []).map((interval) => ({ ...interval, every })) };
}

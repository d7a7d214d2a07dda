/**
 * How long a carrier may take for each stage of a delivery: to the pickup, at the pickup, to the dropoff, at the
 * dropoff, back to the shop. Past it the driver is reminded, then ops get a case, each once for each stage.
 * Instants are epoch ms, distances metres. docs/behaviour.md#stages; ADR 48.
 */

import { distanceMeters, type Point, travelMsFor } from '../geo/places';
import { type Watch, type WatchedDriver, type WatchedJob } from './lossWatch';
import { type PlannedStage, type Stage, STAGES } from './stages';

export { type PlannedStage, type Stage, STAGES } from './stages';

/** Settings of the stages. Durations in ms. */
export type StageLimits = {
  /** A leg may take its travel time times this, */
  travelFactor: number;
  /** and this much more. */
  slackMs: number;
  /** At the pickup, from the arrival or the ready time, whichever is later. */
  atPickupMs: number;
  atDropoffMs: number;
  /** From the driver's reminder to the case. */
  caseAfterMs: number;
};

/** Twice the travel time and 10 minutes; 15 minutes at a stop; a case 5 minutes after the reminder. */
export const STAGE_LIMITS: StageLimits = {
  travelFactor: 2,
  slackMs: 600_000,
  atPickupMs: 900_000,
  atDropoffMs: 900_000,
  caseAfterMs: 300_000,
};

/** A stage that takes too long, and who is to be told. */
export type OverdueStage = {
  tell: 'driver' | 'ops';
  deliveryId: string;
  assignmentId: string;
  driverId: string;
  stage: Stage;
  dueAt: number;
};

export type StageFindings = {
  /** Stages that began, or were planned anew, to be written. */
  planned: { assignmentId: string; planned: PlannedStage }[];
  overdue: OverdueStage[];
};

type StageWatch = Watch & { stages: StageLimits };

/**
 * Checks the stages of one driver. A stage is planned when the sweep first sees it, and anew when the driver took a
 * step in another job and was not reminded. Nobody is told while positions and steps may not get through. Pure.
 */
export function watchStages(driver: WatchedDriver, watch: StageWatch): StageFindings {
  const since = Math.max(...driver.jobs.map(({ changedAt }) => changedAt));
  const found = driver.jobs.flatMap((job) => {
    const stage = STAGES.find((each) => each === job.status);
    return stage ? [{ job, stage, current: currentPlan(job, stage, since) }] : [];
  });
  return {
    planned: found
      .filter(({ current }) => current === null)
      .map(({ job, stage }) => ({
        assignmentId: job.assignmentId,
        planned: { stage, since, dueAt: dueAtOf(driver, job, watch), remindedAt: null, toldAt: null },
      })),
    overdue: isReachable(watch)
      ? found.flatMap(({ job, current }) => (current ? overdueOf(driver, job, current, watch) : []))
      : [],
  };
}

/** The plan that still holds; null = none does. */
function currentPlan({ plan }: WatchedJob, stage: Stage, since: number): PlannedStage | null {
  if (plan?.stage !== stage) return null;
  return plan.remindedAt === null && plan.since < since ? null : plan;
}

function isReachable({ now, ingestUpSince, limits }: Watch): boolean {
  return now - ingestUpSince >= limits.silentMs;
}

function overdueOf(
  { driverId }: WatchedDriver,
  { deliveryId, assignmentId, openCase }: WatchedJob,
  { stage, dueAt, remindedAt, toldAt }: PlannedStage,
  { now, stages }: StageWatch,
): OverdueStage[] {
  const overdue = { deliveryId, assignmentId, driverId, stage, dueAt };
  if (remindedAt === null) return now >= dueAt ? [{ tell: 'driver', ...overdue }] : [];
  // Ops who look after the delivery already need no second reason; it comes when their case is settled.
  const isDue = toldAt === null && now >= remindedAt + stages.caseAfterMs && openCase === null;
  return isDue ? [{ tell: 'ops', ...overdue }] : [];
}

// ---- the expected time ----

/** A leg from nowhere in particular: as far as a search looks at first. */
const UNKNOWN_LEG_METERS = 3_000;

/** Other work in hand may come first, so its time is added. */
function dueAtOf(driver: WatchedDriver, job: WatchedJob, watch: StageWatch): number {
  const others = driver.jobs.filter((each) => each !== job);
  const othersMs = others.reduce((sum, other) => sum + expectedMs(driver, other, watch), 0);
  return watch.now + expectedMs(driver, job, watch) + othersMs;
}

/** How long the stage may still take, from now. */
function expectedMs(driver: WatchedDriver, job: WatchedJob, watch: StageWatch): number {
  const { now, stages } = watch;
  const untilReadyMs = Math.max(0, job.readyAt - now);
  const meters = metersOf(driver, job);
  switch (job.status) {
    case 'ASSIGNED':
      return Math.max(legMs(meters, driver, watch), untilReadyMs + stages.slackMs);
    case 'AT_PICKUP':
      return untilReadyMs + stages.atPickupMs;
    case 'AT_DROPOFF':
      return stages.atDropoffMs;
    default:
      return legMs(meters, driver, watch);
  }
}

function legMs(
  meters: number,
  { vehicle }: WatchedDriver,
  { travel, timeScale, stages }: StageWatch,
): number {
  return Math.ceil((travelMsFor(meters, vehicle, travel) / timeScale) * stages.travelFactor) + stages.slackMs;
}

/** The way that is left in this stage, in a straight line; over the meeting point where the goods are there. */
function metersOf({ place }: WatchedDriver, { status, pickup, dropoff, meeting }: WatchedJob): number {
  const from = place?.point ?? null;
  const stops: Point[] = status === 'PICKED_UP' ? [...(meeting ? [meeting] : []), dropoff] : [pickup];
  const [first = pickup] = stops;
  const toFirst = from === null ? UNKNOWN_LEG_METERS : distanceMeters(from, first);
  return stops
    .slice(1)
    .reduce((sum, stop, index) => sum + distanceMeters(stops[index] ?? first, stop), toFirst);
}

/**
 * What the lost-driver sweep concludes about one driver on duty: silent, without progress, or no longer silent.
 * Instants are epoch ms, distances metres. docs/behaviour.md#reassignment; ADR 14.
 */

import { type DeliveryStatus } from '../delivery/status';
import {
  fellSilent,
  type LossLimits,
  type LossReason,
  makesNoWay,
  type Progress,
  progressAfter,
} from './loss';
import { distanceMeters, type Point, type TravelModel, travelMsFor } from '../geo/places';
import { type CaseReason, isAboutSilence, isKnownToOps } from '../support/supportCase';
import { type PlannedStage } from './stages';
import { type VehicleKind } from './vehicles';

/**
 * A driver on duty with all their jobs. `lastSeenAt`: when the service last received a position or a step of
 * theirs; `place`: their newest position; null = never, or not known any more.
 */
export type WatchedDriver = {
  driverId: string;
  cityId: string;
  vehicle: VehicleKind;
  lastSeenAt: number | null;
  place: { point: Point; receivedAt: number } | null;
  /** Since when they have been AVAILABLE without work. */
  idleSince: number | null;
  jobs: readonly WatchedJob[];
};

/**
 * One active assignment. `openCase`: the open case of its delivery. `settledAt`: when ops last resolved a
 * case about this driver.
 */
export type WatchedJob = {
  assignmentId: string;
  deliveryId: string;
  status: DeliveryStatus;
  startedAt: number;
  /** When the driver got the job, or last took a step in it. */
  changedAt: number;
  settledAt: number | null;
  readyAt: number;
  pickup: Point;
  dropoff: Point;
  /** Where the goods are to be taken over from another driver; null = at the pickup, or they have them. */
  meeting: Point | null;
  progress: Progress;
  plan: PlannedStage | null;
  openCase: { caseId: string; reason: CaseReason; driverId: string | null } | null;
};

/**
 * `ingestUpSince`: since when positions have been received without a gap. `timeScale` divides travel times.
 */
export type Watch = {
  now: number;
  ingestUpSince: number;
  limits: LossLimits;
  travel: TravelModel;
  timeScale: number;
};

/** A driver who is lost for one of their jobs. */
export type DetectedLoss = { driverId: string; deliveryId: string; assignmentId: string; why: LossReason };

/** The findings about one driver. */
export type LossFindings = {
  isSilent: boolean;
  /** Ops already have a case about the silence, so it does not suggest that ingest is down. */
  isKnownSilent: boolean;
  losses: DetectedLoss[];
  /** Progress to be written. */
  progress: { assignmentId: string; progress: Progress }[];
  /** Open cases about the driver's silence, which is over. */
  silenceOver: string[];
};

/** Checks one driver. Pure. */
export function watchDriver(driver: WatchedDriver, watch: Watch): LossFindings {
  const ways = driver.jobs.flatMap((job) => wayOf(driver, job, watch));
  const casesOfSilence = driver.jobs.flatMap(({ openCase }) =>
    openCase && isAboutSilence(openCase.reason) && openCase.driverId === driver.driverId
      ? [openCase.caseId]
      : [],
  );
  const isSilent = isSilentSince(driver, beganAt(driver), watch);
  return {
    isSilent,
    isKnownSilent: isSilent && casesOfSilence.length > 0,
    losses: driver.jobs.flatMap((job) => lossOf(driver, job, ways, watch)),
    progress: ways
      .filter(({ job, next }) => !isSame(job.progress, next))
      .map(({ job: { assignmentId }, next }) => ({ assignmentId, progress: next })),
    silenceOver: isSeenRecently(driver, watch) ? casesOfSilence : [],
  };
}

function lossOf(driver: WatchedDriver, job: WatchedJob, ways: readonly Way[], watch: Watch): DetectedLoss[] {
  const why = whyLost(driver, job, ways, watch);
  if (why === null || isKnownToOps(job.openCase, driver.driverId, why)) return [];
  return [{ driverId: driver.driverId, deliveryId: job.deliveryId, assignmentId: job.assignmentId, why }];
}

function whyLost(
  driver: WatchedDriver,
  job: WatchedJob,
  ways: readonly Way[],
  watch: Watch,
): LossReason | null {
  if (isSilentSince(driver, sinceOf(job), { ...watch, limits: patienceWith(driver, watch.limits) }))
    return 'FELL_SILENT';
  const way = ways.find((each) => each.job === job);
  return way && isLostOnTheWay(driver, way, ways, watch) ? 'NO_PROGRESS' : null;
}

// ---- silence ----

/** A case that ops resolved is not opened again at once: the time starts over. */
function sinceOf({ startedAt, settledAt }: WatchedJob): number {
  return Math.max(startedAt, settledAt ?? startedAt);
}

/** One of their stops without signal makes a driver silent for all their jobs. */
function patienceWith(driver: WatchedDriver, limits: LossLimits): LossLimits {
  if (!driver.jobs.some((job) => isAtStop(driver, job, limits))) return limits;
  return { ...limits, silentMs: Math.max(limits.silentMs, limits.silentAtStopMs) };
}

/** By their last step, or by their last place: without signal the app cannot report the arrival either. */
function isAtStop({ place }: WatchedDriver, job: WatchedJob, { arrivedMeters }: LossLimits): boolean {
  if (job.status === 'AT_PICKUP' || job.status === 'AT_DROPOFF') return true;
  const stop = job.status === 'PICKED_UP' ? job.dropoff : job.pickup;
  return place !== null && distanceMeters(place.point, stop) <= arrivedMeters;
}

/** The time starts with the work: the driver may have been silent before. */
function isSilentSince(
  { lastSeenAt }: WatchedDriver,
  since: number,
  { now, ingestUpSince, limits }: Watch,
): boolean {
  return fellSilent(Math.max(lastSeenAt ?? since, since), ingestUpSince, now, limits);
}

function beganAt({ jobs, idleSince }: WatchedDriver): number {
  return jobs.length > 0 ? Math.min(...jobs.map(sinceOf)) : (idleSince ?? 0);
}

/** Seen within the limit, whether ingest was up or not. */
function isSeenRecently({ lastSeenAt }: WatchedDriver, { now, limits }: Watch): boolean {
  return lastSeenAt !== null && now - lastSeenAt < limits.silentMs;
}

// ---- the way to the pickup ----

type Way = { job: WatchedJob; meters: number; seenAt: number; next: Progress };

function wayOf({ place, jobs }: WatchedDriver, job: WatchedJob, { limits }: Watch): Way[] {
  if (job.status !== 'ASSIGNED' || place === null) return [];
  const meters = distanceMeters(place.point, job.pickup);
  const seenAt = place.receivedAt;
  const at = Math.max(seenAt, job.progress.progressAt);
  // Other work in hand may come first: progress starts over when that is done.
  const isNext = jobs.every(({ status }) => status === 'ASSIGNED');
  return [
    {
      job,
      meters,
      seenAt,
      next: isNext
        ? progressAfter(job.progress, { point: place.point, meters, at }, limits)
        : { fromMeters: null, progressAt: at, place: null, movedAt: at },
    },
  ];
}

/**
 * Time counts only between received positions, so neither an ingest outage nor the time since the last
 * position counts. With several pickups ahead, progress towards one of them is enough.
 */
function isLostOnTheWay(
  { vehicle }: WatchedDriver,
  { job, meters, seenAt }: Way,
  ways: readonly Way[],
  { ingestUpSince, limits, travel, timeScale }: Watch,
): boolean {
  const latest = (of: (progress: Progress) => number): number =>
    Math.max(ingestUpSince, sinceOf(job), ...ways.map(({ next }) => of(next)));
  return makesNoWay(
    { progressAt: latest(({ progressAt }) => progressAt), movedAt: latest(({ movedAt }) => movedAt) },
    { now: seenAt, readyAt: job.readyAt, travelMs: travelMsFor(meters, vehicle, travel) / timeScale, limits },
  );
}

function isSame(a: Progress, b: Progress): boolean {
  return (
    a.fromMeters === b.fromMeters &&
    a.progressAt === b.progressAt &&
    a.movedAt === b.movedAt &&
    a.place?.lat === b.place?.lat &&
    a.place?.lng === b.place?.lng
  );
}

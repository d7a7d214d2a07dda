/**
 * What one look at a driver on duty says: silent, standing still, heard again (spec 5, ADR 14). Pure;
 * instants are epoch ms, distances metres.
 */

import { type DeliveryStatus } from '../delivery/status';
import {
  fellSilent,
  type LossLimits,
  type NoticedLoss,
  type Progress,
  progressAfter,
  standsStill,
} from './loss';
import { distanceMeters, type Point, type TravelModel, travelMsFor } from '../geo/places';
import { type CaseReason, isAboutSilence, isKnownToOps } from '../support/supportCase';
import { type VehicleKind } from './vehicles';

/**
 * A driver on duty with all they carry. `heardAt`: when they last gave a sign by our clock, a fix or a step;
 * `place`: their newest fix; null = never, or nobody remembers.
 */
export type WatchedDriver = {
  driverId: string;
  cityId: string;
  vehicle: VehicleKind;
  heardAt: number | null;
  place: { point: Point; receivedAt: number } | null;
  /** Since when they are AVAILABLE without work. */
  idleSince: number | null;
  jobs: readonly WatchedJob[];
};

/**
 * One active assignment. `openCase`: what ops already look at for its delivery. `settledAt`: when ops last
 * said of this driver that such a matter is settled.
 */
export type WatchedJob = {
  assignmentId: string;
  deliveryId: string;
  status: DeliveryStatus;
  startedAt: number;
  settledAt: number | null;
  readyAt: number;
  pickup: Point;
  progress: Progress;
  openCase: { caseId: string; reason: CaseReason; driverId: string | null } | null;
};

/** `ingestUpSince`: since when anybody could be heard without a gap. Travel times are divided by `timeScale`. */
export type Watch = {
  now: number;
  ingestUpSince: number;
  limits: LossLimits;
  travel: TravelModel;
  timeScale: number;
};

/** A driver who is to be taken for lost, for one of their jobs. */
export type SeenLoss = { driverId: string; deliveryId: string; assignmentId: string; why: NoticedLoss };

export type Seen = {
  isSilent: boolean;
  /** Ops look at the silence already: it says nothing of our own ears. */
  isKnownSilent: boolean;
  losses: SeenLoss[];
  /** What is new about the ways to the pickups. */
  progress: { assignmentId: string; progress: Progress }[];
  /** Cases that were about the driver's silence, which is over. */
  heardAgain: string[];
};

export function watchDriver(driver: WatchedDriver, watch: Watch): Seen {
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
    heardAgain: isHeard(driver, watch) ? casesOfSilence : [],
  };
}

function lossOf(driver: WatchedDriver, job: WatchedJob, ways: readonly Way[], watch: Watch): SeenLoss[] {
  const why = whyLost(driver, job, ways, watch);
  if (why === null || isKnownToOps(job.openCase, driver.driverId, why)) return [];
  return [{ driverId: driver.driverId, deliveryId: job.deliveryId, assignmentId: job.assignmentId, why }];
}

function whyLost(
  driver: WatchedDriver,
  job: WatchedJob,
  ways: readonly Way[],
  watch: Watch,
): NoticedLoss | null {
  if (isSilentSince(driver, sinceOf(job), watch)) return 'FELL_SILENT';
  const way = ways.find((each) => each.job === job);
  return way && isStandingStill(driver, way, ways, watch) ? 'NO_PROGRESS' : null;
}

// ---- silence ----

/** What ops called settled is not told again at once: the whole time begins anew. */
function sinceOf({ startedAt, settledAt }: WatchedJob): number {
  return Math.max(startedAt, settledAt ?? startedAt);
}

/** Whoever was given work has the whole time from then on: they may have been quiet before. */
function isSilentSince(
  { heardAt }: WatchedDriver,
  since: number,
  { now, ingestUpSince, limits }: Watch,
): boolean {
  return fellSilent(Math.max(heardAt ?? since, since), ingestUpSince, now, limits);
}

function beganAt({ jobs, idleSince }: WatchedDriver): number {
  return jobs.length > 0 ? Math.min(...jobs.map(sinceOf)) : (idleSince ?? 0);
}

/** Really heard: that our ears were shut is no word of the driver's. */
function isHeard({ heardAt }: WatchedDriver, { now, limits }: Watch): boolean {
  return heardAt !== null && now - heardAt < limits.silentMs;
}

// ---- the way to the pickup ----

type Way = { job: WatchedJob; meters: number; seenAt: number; next: Progress };

function wayOf({ place, jobs }: WatchedDriver, job: WatchedJob, { limits }: Watch): Way[] {
  if (job.status !== 'ASSIGNED' || place === null) return [];
  const meters = distanceMeters(place.point, job.pickup);
  const seenAt = place.receivedAt;
  const at = Math.max(seenAt, job.progress.progressAt);
  // What else they have in hand may come first: the way is counted anew when that is done.
  const isNext = jobs.every(({ status }) => status === 'ASSIGNED');
  return [
    {
      job,
      meters,
      seenAt,
      next: isNext
        ? progressAfter(job.progress, meters, at, limits)
        : { nearestMeters: null, progressAt: at },
    },
  ];
}

/**
 * Counted by what was seen: neither the time in which ingest was down nor the time since the last fix says that
 * somebody stood still. Who has several pickups ahead makes way as long as they come nearer to one.
 */
function isStandingStill(
  { vehicle }: WatchedDriver,
  { job, meters, seenAt, next }: Way,
  ways: readonly Way[],
  { ingestUpSince, limits, travel, timeScale }: Watch,
): boolean {
  const progressAt = Math.max(ingestUpSince, sinceOf(job), ...ways.map((way) => way.next.progressAt));
  return standsStill(
    { ...next, progressAt },
    { now: seenAt, readyAt: job.readyAt, travelMs: travelMsFor(meters, vehicle, travel) / timeScale, limits },
  );
}

function isSame(a: Progress, b: Progress): boolean {
  return a.nearestMeters === b.nearestMeters && a.progressAt === b.progressAt;
}

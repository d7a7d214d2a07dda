/**
 * The rules for lost drivers, and the reasons for which a driver gives up a delivery. Instants are epoch
 * ms, distances metres. docs/behaviour.md#reassignment; founding ADR-026.
 */

import { distanceMeters, type Point } from '../geo/places';

/** A driver's reason for giving up a delivery. */
export const LEAVE_REASONS = ['VEHICLE_BREAKDOWN', 'EMERGENCY', 'TOO_FAR', 'OTHER'] as const;
export type LeaveReason = (typeof LEAVE_REASONS)[number];

/** Why the service detects a loss that nobody reported. An assignment by hand stays, and ops decide. */
export const LOSS_REASONS = ['FELL_SILENT', 'NO_PROGRESS'] as const;
export type LossReason = (typeof LOSS_REASONS)[number];

export function isDetectedLoss(why: string): why is LossReason {
  return LOSS_REASONS.some((each) => each === why);
}

/** Whether a driver who leaves for this reason can take no other work. */
export function endsDuty(reason: LeaveReason): boolean {
  return reason === 'VEHICLE_BREAKDOWN' || reason === 'EMERGENCY';
}

/** Settings of loss. Durations in ms. */
export type LossLimits = {
  /** A driver with work who is silent this long is lost. */
  silentMs: number;
  /** The same for a driver at a stop, where shops and stairwells have no signal. */
  silentAtStopMs: number;
  /** A driver who stands still for this long on the way to the pickup is lost. */
  noProgressMs: number;
  /** A driver who moves, but comes no nearer to the pickup for this long, is lost. */
  detourMs: number;
  /** A shorter way does not count. */
  progressMeters: number;
  /** A driver this near waits at the pickup. */
  arrivedMeters: number;
  /** A greater share of a city's working drivers silent at once means an ingest outage: alert instead. */
  maxSilentShare: number;
};

/** 180 s, 10, 5 and 15 minutes, 30 %; 100 m and 150 m are what positions in a city can tell apart. */
export const LOSS_LIMITS: LossLimits = {
  silentMs: 180_000,
  silentAtStopMs: 600_000,
  noProgressMs: 300_000,
  detourMs: 900_000,
  progressMeters: 100,
  arrivedMeters: 150,
  maxSilentShare: 0.3,
};

/**
 * Progress towards the pickup. `fromMeters`: the largest distance since the last progress, from which the
 * next one counts; `progressAt`: when they last came nearer. `place`: where they last were after a way that
 * counts, and `movedAt`: since when.
 */
export type Progress = {
  fromMeters: number | null;
  progressAt: number;
  place: Point | null;
  movedAt: number;
};

/**
 * Progress after a position `meters` from the pickup; the same object where nothing changed. One position
 * that is wrong sets no mark for those to come: the way counts from the largest distance. The way to a pickup
 * across a river first grows.
 */
export function progressAfter(
  before: Progress,
  { point, meters, at }: { point: Point; meters: number; at: number },
  { progressMeters, arrivedMeters }: LossLimits,
): Progress {
  const whole = Math.round(meters);
  const { fromMeters, place } = before;
  if (fromMeters === null) return { ...before, fromMeters: whole, place: point };
  if (meters <= arrivedMeters || meters <= fromMeters - progressMeters)
    return { fromMeters: whole, progressAt: at, place: point, movedAt: at };
  const hasMoved = place === null || distanceMeters(place, point) >= progressMeters;
  if (!hasMoved) return before;
  return {
    ...before,
    fromMeters: Math.max(fromMeters, whole),
    place: point,
    movedAt: place === null ? before.movedAt : at,
  };
}

/**
 * Whether a driver on the way to a pickup is lost for lack of progress: they stand still, or move but come no
 * nearer. Time counts only from `readyAt` minus `travelMs`, when the driver must leave to arrive in time.
 */
export function makesNoWay(
  { progressAt, movedAt }: Pick<Progress, 'progressAt' | 'movedAt'>,
  { now, readyAt, travelMs, limits }: { now: number; readyAt: number; travelMs: number; limits: LossLimits },
): boolean {
  const leaveAt = readyAt - travelMs;
  return (
    now - Math.max(progressAt, movedAt, leaveAt) >= limits.noProgressMs ||
    now - Math.max(progressAt, leaveAt) >= limits.detourMs
  );
}

/**
 * Whether a driver who was last seen at `lastSeenAt` is lost. `ingestUpSince`: since when positions have
 * been received without a gap. ADR 14.
 */
export function fellSilent(
  lastSeenAt: number,
  ingestUpSince: number,
  now: number,
  { silentMs }: Pick<LossLimits, 'silentMs'>,
): boolean {
  return now - Math.max(lastSeenAt, ingestUpSince) >= silentMs;
}

/**
 * Whether so many of a city's working drivers are silent at once that ingest must be down. One silent driver is never
 * an outage.
 */
export function isIngestOutage(silent: number, working: number, { maxSilentShare }: LossLimits): boolean {
  return silent > 1 && silent > working * maxSilentShare;
}

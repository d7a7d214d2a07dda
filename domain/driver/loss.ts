/**
 * When a driver counts as lost, and what a driver may say who gives a delivery up (spec 5, ADR-026). Instants
 * are epoch ms, distances metres.
 */

/** Why a driver gives a delivery up. */
export const LEAVE_REASONS = ['VEHICLE_BREAKDOWN', 'EMERGENCY', 'TOO_FAR', 'OTHER'] as const;
export type LeaveReason = (typeof LEAVE_REASONS)[number];

/** Losses that no person asked for: what was assigned by hand stays, and ops are asked. */
export const NOTICED_LOSSES = ['FELL_SILENT', 'NO_PROGRESS'] as const;
export type NoticedLoss = (typeof NOTICED_LOSSES)[number];

export function isNoticedLoss(why: string): why is NoticedLoss {
  return NOTICED_LOSSES.some((each) => each === why);
}

/** After a breakdown or an emergency nothing new can be taken on. */
export function endsDuty(reason: LeaveReason): boolean {
  return reason === 'VEHICLE_BREAKDOWN' || reason === 'EMERGENCY';
}

export type LossLimits = {
  /** A driver with work who is silent this long is lost. */
  silentMs: number;
  /** Who makes no way towards the pickup for this long is lost. */
  noProgressMs: number;
  /** Coming nearer by less is no way made. */
  progressMeters: number;
  /** Who is this near waits at the pickup. */
  arrivedMeters: number;
  /**
   * Where a greater share of a city's working drivers is silent at once, the fault is ours: alert instead.
   */
  maxSilentShare: number;
};

/** 180 s, 5 minutes, 30 % (spec 5); 100 m and 150 m are ours: what a city's positions can tell apart. */
export const LOSS_LIMITS: LossLimits = {
  silentMs: 180_000,
  noProgressMs: 300_000,
  progressMeters: 100,
  arrivedMeters: 150,
  maxSilentShare: 0.3,
};

/** The way to the pickup as far as it was seen: how near the driver came, and when that last got better. */
export type Progress = { nearestMeters: number | null; progressAt: number };

/**
 * The way after a look at the driver, who is `meters` from the pickup; the same object where nothing is new.
 */
export function progressAfter(
  before: Progress,
  meters: number,
  now: number,
  { progressMeters, arrivedMeters }: LossLimits,
): Progress {
  if (before.nearestMeters === null)
    return { nearestMeters: Math.round(meters), progressAt: before.progressAt };
  if (meters > arrivedMeters && meters > before.nearestMeters - progressMeters) return before;
  return { nearestMeters: Math.round(Math.min(meters, before.nearestMeters)), progressAt: now };
}

/**
 * Whether a driver on the way to a pickup is to be taken for lost for making no way. Nobody must leave before
 * they have to: the time counts from when they would have to be under way to be there at `readyAt`, which
 * takes `travelMs`.
 */
export function standsStill(
  { progressAt }: Progress,
  { now, readyAt, travelMs, limits }: { now: number; readyAt: number; travelMs: number; limits: LossLimits },
): boolean {
  return now - Math.max(progressAt, readyAt - travelMs) >= limits.noProgressMs;
}

/**
 * Whether a driver who was last heard of then is to be taken for lost; `ingestUpSince` = since when we could
 * hear anybody at all.
 */
export function fellSilent(
  lastHeardAt: number,
  ingestUpSince: number,
  now: number,
  { silentMs }: LossLimits,
): boolean {
  return now - Math.max(lastHeardAt, ingestUpSince) >= silentMs;
}

/**
 * Whether so many silent ones of all who work in a city say that ingest is down, not that they are silent. A single one is
 * never a crowd.
 */
export function isOurFault(silent: number, working: number, { maxSilentShare }: LossLimits): boolean {
  return silent > 1 && silent > working * maxSilentShare;
}

/**
 * When a driver counts as lost, and the reasons for which a driver gives a delivery up. Instants are epoch
 * ms, distances metres. docs/behaviour.md#reassignment; founding ADR-026.
 */

/** Why a driver gives a delivery up. */
export const LEAVE_REASONS = ['VEHICLE_BREAKDOWN', 'EMERGENCY', 'TOO_FAR', 'OTHER'] as const;
export type LeaveReason = (typeof LEAVE_REASONS)[number];

/**
 * Losses that the service noticed and nobody reported. What was assigned by hand stays, and ops are asked.
 */
export const NOTICED_LOSSES = ['FELL_SILENT', 'NO_PROGRESS'] as const;
export type NoticedLoss = (typeof NOTICED_LOSSES)[number];

export function isNoticedLoss(why: string): why is NoticedLoss {
  return NOTICED_LOSSES.some((each) => each === why);
}

/** Whether a driver who leaves for this reason can take no other work. */
export function endsDuty(reason: LeaveReason): boolean {
  return reason === 'VEHICLE_BREAKDOWN' || reason === 'EMERGENCY';
}

/** Settings of loss. Durations in ms. */
export type LossLimits = {
  /** A driver with work who is silent this long is lost. */
  silentMs: number;
  /** A driver who comes no nearer to the pickup for this long is lost. */
  noProgressMs: number;
  /** Coming nearer by less does not count. */
  progressMeters: number;
  /** A driver this near waits at the pickup. */
  arrivedMeters: number;
  /** A greater share of a city's working drivers silent at once is our own fault: alert instead. */
  maxSilentShare: number;
};

/** 180 s, 5 minutes, 30 %; 100 m and 150 m are what positions in a city can tell apart. */
export const LOSS_LIMITS: LossLimits = {
  silentMs: 180_000,
  noProgressMs: 300_000,
  progressMeters: 100,
  arrivedMeters: 150,
  maxSilentShare: 0.3,
};

/** Progress towards the pickup: how near the driver was seen, and when that last improved. */
export type Progress = { nearestMeters: number | null; progressAt: number };

/** Progress after the driver was seen `meters` from the pickup; the same object where nothing improved. */
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
 * Whether a driver on the way to a pickup is lost for lack of progress. Nobody has to leave early: time
 * counts only from `readyAt` less `travelMs`, when the driver must leave to arrive in time.
 */
export function standsStill(
  { progressAt }: Progress,
  { now, readyAt, travelMs, limits }: { now: number; readyAt: number; travelMs: number; limits: LossLimits },
): boolean {
  return now - Math.max(progressAt, readyAt - travelMs) >= limits.noProgressMs;
}

/**
 * Whether a driver who was last heard at `lastHeardAt` is lost. `ingestUpSince`: since when positions have
 * been received without a gap. ADR 14.
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
 * Whether so many of a city's working drivers are silent at once that ingest must be down. One silent driver
 * never means that.
 */
export function isIngestOutage(silent: number, working: number, { maxSilentShare }: LossLimits): boolean {
  return silent > 1 && silent > working * maxSilentShare;
}

/**
 * A case of the support queue: a delivery that needs a person. A delivery has at most one open case.
 * docs/behaviour.md#escalation.
 */

import type { ReachedLevel } from '../delivery/escalation';
import type { LossReason } from '../driver/loss';

/**
 * Why the delivery needs ops. UNASSIGNED: level 2 was reached without a driver. REASSIGNMENT_OFF, PINNED_DRIVER_LOST:
 * the driver was lost, and the search waits for ops. PINNED_DRIVER_SILENT, PINNED_DRIVER_STANDS_STILL: a
 * driver who was assigned by hand keeps the delivery until ops decide. DRIVER_AT_PICKUP_SILENT: so does a driver
 * who is silent at the shop, and may have the goods by now. CARRIER_…: the driver who has the
 * goods is silent, broke down, gave up, or was suspended. GOODS_IN_HAND: a driver who lost the delivery says that they
 * hold the goods. CARRIER_OVERDUE: the driver takes too long for a stage. WINDOW_AT_RISK: it is not expected at the
 * drop-off in its window. DRIVER_SUSPENDED: the driver was suspended before the pickup, and another is searched for.
 * MERCHANT_SUSPENDED: ops decide whether it goes on.
 */
export const CASE_REASONS = [
  'UNASSIGNED',
  'REASSIGNMENT_OFF',
  'PINNED_DRIVER_LOST',
  'PINNED_DRIVER_SILENT',
  'PINNED_DRIVER_STANDS_STILL',
  'DRIVER_AT_PICKUP_SILENT',
  'CARRIER_SILENT',
  'CARRIER_BROKE_DOWN',
  'CARRIER_GAVE_UP',
  'CARRIER_OVERDUE',
  'GOODS_IN_HAND',
  'WINDOW_AT_RISK',
  'CARRIER_SUSPENDED',
  'DRIVER_SUSPENDED',
  'MERCHANT_SUSPENDED',
] as const;
export type CaseReason = (typeof CASE_REASONS)[number];

export const CASE_STATES = ['OPEN', 'ACKNOWLEDGED', 'RESOLVED'] as const;
export type CaseState = (typeof CASE_STATES)[number];

/** What ended a case. */
export const CASE_RESOLUTIONS = [
  'ASSIGNED',
  'CLOSED',
  'SEARCH_RESUMED',
  'SEARCH_POSTPONED',
  'STEP_TAKEN',
  'HANDED_OVER',
  'RELEASED',
  'HEARD_AGAIN',
  'BY_OPS',
] as const;
export type CaseResolution = (typeof CASE_RESOLUTIONS)[number];

/** Instants are epoch ms. `level` 0: not about waiting. `driverId`: the driver that the case is about. */
export type CaseFacts = {
  caseId: string;
  level: ReachedLevel;
  state: CaseState;
  reason: CaseReason;
  driverId: string | null;
  openedAt: number;
  /** When it was opened, or last became worse. */
  roseAt: number;
  resolvedAt: number | null;
  resolvedBy: string | null;
  resolution: CaseResolution | null;
  /** Whether its notices are those of its group; not so where an older release opened it. */
  isInGroup: boolean;
};

/** A case that is opened now. */
export function newCase(
  caseId: string,
  urgency: Pick<CaseFacts, 'level' | 'reason' | 'driverId'>,
  now: number,
): CaseFacts {
  const unresolved = { resolvedAt: null, resolvedBy: null, resolution: null };
  return { caseId, ...urgency, state: 'OPEN', openedAt: now, roseAt: now, ...unresolved, isInGroup: true };
}

/** Why the search for a driver waits for ops. */
export type HeldReason = Extract<CaseReason, 'REASSIGNMENT_OFF' | 'PINNED_DRIVER_LOST' | 'GOODS_IN_HAND'>;

/**
 * The case made worse by a higher level, another reason or another driver; null where none of these is new.
 */
export function risenCase(
  open: CaseFacts,
  { level, reason, driverId }: Pick<CaseFacts, 'level' | 'reason' | 'driverId'>,
  now: number,
): CaseFacts | null {
  const isSame = open.level >= level && open.reason === reason && open.driverId === driverId;
  if (isSame) return null;
  return {
    ...open,
    level: level > open.level ? level : open.level,
    reason,
    driverId,
    state: 'OPEN',
    roseAt: now,
  };
}

/** Whether the carrier's next step resolves such a case. */
export function isAboutCarrier(reason: CaseReason): boolean {
  switch (reason) {
    case 'PINNED_DRIVER_SILENT':
    case 'PINNED_DRIVER_STANDS_STILL':
    case 'DRIVER_AT_PICKUP_SILENT':
    case 'CARRIER_SILENT':
    case 'CARRIER_BROKE_DOWN':
    case 'CARRIER_GAVE_UP':
    case 'CARRIER_SUSPENDED':
    case 'CARRIER_OVERDUE':
      return true;
    case 'UNASSIGNED':
    case 'REASSIGNMENT_OFF':
    case 'PINNED_DRIVER_LOST':
    case 'GOODS_IN_HAND':
    case 'WINDOW_AT_RISK':
    case 'DRIVER_SUSPENDED':
    case 'MERCHANT_SUSPENDED':
      return false;
  }
}

/**
 * Whether what ended this way settles a case. No driver saves the merchant of a delivery, and another driver does not
 * save its window.
 */
export function settles(resolution: CaseResolution, reason: CaseReason): boolean {
  switch (resolution) {
    case 'CLOSED':
    case 'BY_OPS':
      return true;
    case 'STEP_TAKEN':
      return reason !== 'MERCHANT_SUSPENDED';
    case 'ASSIGNED':
    case 'SEARCH_RESUMED':
    case 'SEARCH_POSTPONED':
    case 'HANDED_OVER':
    case 'RELEASED':
    case 'HEARD_AGAIN':
      return reason !== 'WINDOW_AT_RISK' && reason !== 'MERCHANT_SUSPENDED';
  }
}

/** Whether such a case ends when the driver sends signals again. */
export function isAboutSilence(reason: CaseReason): boolean {
  return (
    reason === 'PINNED_DRIVER_SILENT' || reason === 'DRIVER_AT_PICKUP_SILENT' || reason === 'CARRIER_SILENT'
  );
}

/** Whether the open case already covers this loss of this driver, or a worse one. */
export function isKnownToOps(
  open: Pick<CaseFacts, 'reason' | 'driverId'> | null,
  driverId: string,
  why: LossReason,
): boolean {
  if (open?.driverId !== driverId) return false;
  switch (open.reason) {
    case 'CARRIER_BROKE_DOWN':
    case 'CARRIER_GAVE_UP':
    case 'CARRIER_SUSPENDED':
      return true;
    case 'CARRIER_SILENT':
    case 'DRIVER_AT_PICKUP_SILENT':
    case 'PINNED_DRIVER_SILENT':
      return why === 'FELL_SILENT';
    case 'PINNED_DRIVER_STANDS_STILL':
      return why === 'NO_PROGRESS';
    case 'UNASSIGNED':
    case 'REASSIGNMENT_OFF':
    case 'PINNED_DRIVER_LOST':
    case 'CARRIER_OVERDUE':
    case 'GOODS_IN_HAND':
    case 'WINDOW_AT_RISK':
    case 'DRIVER_SUSPENDED':
    case 'MERCHANT_SUSPENDED':
      return false;
  }
}

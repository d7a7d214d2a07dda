/**
 * A case of the support queue: one delivery that a person must look at (spec 4 and 5). At most one is open a
 * delivery.
 */

import type { ReachedLevel } from '../delivery/escalation';
import type { NoticedLoss } from '../driver/loss';

/**
 * Why ops must look. UNASSIGNED: nobody took it for so long that level 2 was reached. REASSIGNMENT_OFF,
 * PINNED_DRIVER_LOST: a driver was lost, and the search waits for ops. PINNED_…: a driver who was assigned by
 * hand is silent or makes no way, and keeps the delivery till ops decide. CARRIER_…: who has the goods is
 * silent, broke down, or gave up.
 */
export const CASE_REASONS = [
  'UNASSIGNED',
  'REASSIGNMENT_OFF',
  'PINNED_DRIVER_LOST',
  'PINNED_DRIVER_SILENT',
  'PINNED_DRIVER_STANDS_STILL',
  'CARRIER_SILENT',
  'CARRIER_BROKE_DOWN',
  'CARRIER_GAVE_UP',
] as const;
export type CaseReason = (typeof CASE_REASONS)[number];

export const CASE_STATES = ['OPEN', 'ACKNOWLEDGED', 'RESOLVED'] as const;
export type CaseState = (typeof CASE_STATES)[number];

/** What ended a case. */
export const CASE_RESOLUTIONS = [
  'ASSIGNED',
  'CLOSED',
  'SEARCH_RESUMED',
  'STEP_TAKEN',
  'HANDED_OVER',
  'RELEASED',
  'HEARD_AGAIN',
  'BY_OPS',
] as const;
export type CaseResolution = (typeof CASE_RESOLUTIONS)[number];

/** Instants in epoch ms. `level` 0: not for the time it took. `driverId`: whom it is about. */
export type CaseFacts = {
  caseId: string;
  level: ReachedLevel;
  state: CaseState;
  reason: CaseReason;
  driverId: string | null;
  openedAt: number;
  /** When it last got worse. */
  roseAt: number;
  resolvedAt: number | null;
  resolvedBy: string | null;
  resolution: CaseResolution | null;
};

/** Why the search for a driver waits for ops. */
export type HeldReason = Extract<CaseReason, 'REASSIGNMENT_OFF' | 'PINNED_DRIVER_LOST'>;

/**
 * What is worse about a case now: a higher level, another reason or another driver; null where it is no news.
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

/** Cases that the carrier's next step, or their next word, answers. */
export function isAboutCarrier(reason: CaseReason): boolean {
  switch (reason) {
    case 'PINNED_DRIVER_SILENT':
    case 'PINNED_DRIVER_STANDS_STILL':
    case 'CARRIER_SILENT':
    case 'CARRIER_BROKE_DOWN':
    case 'CARRIER_GAVE_UP':
      return true;
    case 'UNASSIGNED':
    case 'REASSIGNMENT_OFF':
    case 'PINNED_DRIVER_LOST':
      return false;
  }
}

/** Cases that are over once the driver is heard again. */
export function isAboutSilence(reason: CaseReason): boolean {
  return reason === 'PINNED_DRIVER_SILENT' || reason === 'CARRIER_SILENT';
}

/**
 * Whether ops look at this driver's silence or standing still already, or at something worse: to who broke
 * down or gave up it adds nothing.
 */
export function isKnownToOps(
  open: Pick<CaseFacts, 'reason' | 'driverId'> | null,
  driverId: string,
  why: NoticedLoss,
): boolean {
  if (open?.driverId !== driverId) return false;
  switch (open.reason) {
    case 'CARRIER_BROKE_DOWN':
    case 'CARRIER_GAVE_UP':
      return true;
    case 'CARRIER_SILENT':
    case 'PINNED_DRIVER_SILENT':
      return why === 'FELL_SILENT';
    case 'PINNED_DRIVER_STANDS_STILL':
      return why === 'NO_PROGRESS';
    case 'UNASSIGNED':
    case 'REASSIGNMENT_OFF':
    case 'PINNED_DRIVER_LOST':
      return false;
  }
}

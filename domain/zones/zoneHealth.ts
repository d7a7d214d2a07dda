/**
 * The health of a zone: whether free drivers cover the searches (docs/behaviour.md#zones). Durations are ms.
 */
import {
  ESCALATION_THRESHOLDS,
  type EscalationLevel,
  type EscalationThresholds,
} from '../delivery/escalation';

export const ZONE_STATES = ['OK', 'STRAINED', 'CRITICAL'] as const;
export type ZoneState = (typeof ZONE_STATES)[number];

/** The figures of one zone at one instant. */
export type ZoneFigures = {
  /** Open deliveries: searching, carried, or ready later. */
  openDeliveries: number;
  /** Without a driver: SEARCHING or OFFERED. */
  searching: number;
  /** With a driver: from ASSIGNED to the dropoff or the return. */
  carried: number;
  /**
   * AVAILABLE drivers with a fresh position in the zone, including those with a live offer (its delivery
   * counts in `searching`).
   */
  freeDrivers: number;
  /** BUSY drivers, by their last position. */
  busyDrivers: number;
  /** Unassigned time of deliveries being searched; 0 if there are none. */
  waitingP50Ms: number;
  waitingMaxMs: number;
  /** Of offers that ended within the window. */
  acceptance15m: Acceptance;
  /** Deliveries being searched, by escalation level. */
  escalationsByLevel: Readonly<Record<EscalationLevel, number>>;
  /** Unresolved cases of the support queue. */
  openCases: number;
};

/**
 * `answered` counts accepted, rejected and expired offers, not withdrawn ones (docs/behaviour.md#offers).
 * `rate` is a share from 0 to 1, or null without answers.
 */
export type Acceptance = { accepted: number; answered: number; rate: number | null };

/** The window of the acceptance rate: 15 minutes. */
export const ACCEPTANCE_WINDOW_MS = 900_000;

export type ZoneThresholds = {
  /** Waiting is long from the level 1 threshold, and very long from the level 3 threshold. */
  waiting: EscalationThresholds;
  /** A rate below it is low. */
  acceptanceLow: number;
  /** The rate is ignored below this number of answers. */
  acceptanceMinAnswers: number;
  /** A zone with more open cases is STRAINED. */
  casesMany: number;
};

/**
 * 5, 15 and 30 minutes (docs/behaviour.md#escalation), an acceptance rate under 70 % of at least 5 answers,
 * over 50 unresolved cases (docs/behaviour.md#zones).
 */
export const ZONE_THRESHOLDS: ZoneThresholds = {
  waiting: ESCALATION_THRESHOLDS,
  acceptanceLow: 0.7,
  acceptanceMinAnswers: 5,
  casesMany: 50,
};

/** Stable codes, worst first. */
export const ZONE_REASONS = [
  'LEVEL_3',
  'WAITING_VERY_LONG',
  'NO_FREE_DRIVERS',
  'LEVEL_2',
  'LEVEL_1',
  'WAITING_LONG',
  'DRIVERS_SHORT',
  'ACCEPTANCE_LOW',
  'CASES_MANY',
] as const;
export type ZoneReason = (typeof ZONE_REASONS)[number];

type Rule = {
  makes: Exclude<ZoneState, 'OK'>;
  holds: (figures: ZoneFigures, thresholds: ZoneThresholds) => boolean;
  words: (figures: ZoneFigures) => string;
};

/** Each rule is monotonic: worse figures never give a better state. */
const RULES: Readonly<Record<ZoneReason, Rule>> = {
  LEVEL_3: {
    makes: 'CRITICAL',
    holds: ({ escalationsByLevel }) => escalationsByLevel[3] > 0,
    words: ({ escalationsByLevel }) => `${count(escalationsByLevel[3])} at escalation level 3`,
  },
  WAITING_VERY_LONG: {
    makes: 'CRITICAL',
    holds: ({ waitingMaxMs }, { waiting }) => waitingMaxMs >= waiting[3],
    words: ({ waitingMaxMs }) => `one has waited ${duration(waitingMaxMs)} for a driver`,
  },
  NO_FREE_DRIVERS: {
    makes: 'CRITICAL',
    holds: ({ searching, freeDrivers }) => searching > 0 && freeDrivers === 0,
    words: ({ searching }) => `${count(searching)} searched for, no driver free`,
  },
  LEVEL_2: {
    makes: 'STRAINED',
    holds: ({ escalationsByLevel }) => escalationsByLevel[2] > 0,
    words: ({ escalationsByLevel }) => `${count(escalationsByLevel[2])} at escalation level 2`,
  },
  LEVEL_1: {
    makes: 'STRAINED',
    holds: ({ escalationsByLevel }) => escalationsByLevel[1] > 0,
    words: ({ escalationsByLevel }) => `${count(escalationsByLevel[1])} at escalation level 1`,
  },
  WAITING_LONG: {
    makes: 'STRAINED',
    holds: ({ waitingMaxMs }, { waiting }) => waitingMaxMs >= waiting[1] && waitingMaxMs < waiting[3],
    words: ({ waitingMaxMs }) => `one has waited ${duration(waitingMaxMs)} for a driver`,
  },
  DRIVERS_SHORT: {
    makes: 'STRAINED',
    holds: ({ searching, freeDrivers }) => searching > freeDrivers && freeDrivers > 0,
    words: ({ searching, freeDrivers }) => `${count(searching)} searched for, drivers free: ${freeDrivers}`,
  },
  ACCEPTANCE_LOW: {
    makes: 'STRAINED',
    holds: ({ acceptance15m: { answered, rate } }, { acceptanceLow, acceptanceMinAnswers }) =>
      rate !== null && answered >= acceptanceMinAnswers && rate < acceptanceLow,
    words: ({ acceptance15m: { accepted, answered } }) => `${accepted} of ${answered} offers were accepted`,
  },
  CASES_MANY: {
    makes: 'STRAINED',
    holds: ({ openCases }, { casesMany }) => openCases > casesMany,
    words: ({ openCases }) => `${openCases} cases are open`,
  },
};

/** The state of a zone and its reasons, worst first; no reasons = OK. docs/behaviour.md#zones, ADR 12. */
export function judgeZone(
  figures: ZoneFigures,
  thresholds: ZoneThresholds = ZONE_THRESHOLDS,
): { state: ZoneState; reasons: ZoneReason[] } {
  const reasons = ZONE_REASONS.filter((reason) => RULES[reason].holds(figures, thresholds));
  const worst = reasons[0];
  return { state: worst === undefined ? 'OK' : RULES[worst].makes, reasons };
}

/** A reason in one short line. */
export function wordsOf(reason: ZoneReason, figures: ZoneFigures): string {
  return RULES[reason].words(figures);
}

export function acceptanceOf(accepted: number, answered: number): Acceptance {
  return { accepted, answered, rate: answered === 0 ? null : accepted / answered };
}

/** The figures of an empty zone. */
export const NO_FIGURES: ZoneFigures = {
  openDeliveries: 0,
  searching: 0,
  carried: 0,
  freeDrivers: 0,
  busyDrivers: 0,
  waitingP50Ms: 0,
  waitingMaxMs: 0,
  acceptance15m: acceptanceOf(0, 0),
  escalationsByLevel: { 1: 0, 2: 0, 3: 0 },
  openCases: 0,
};

/** Whether a zone is empty: no delivery, driver, answer or case. */
export function isEmpty({
  openDeliveries,
  freeDrivers,
  busyDrivers,
  acceptance15m,
  openCases,
}: ZoneFigures): boolean {
  return openDeliveries + freeDrivers + busyDrivers + acceptance15m.answered + openCases === 0;
}

function count(deliveries: number): string {
  return deliveries === 1 ? '1 delivery' : `${deliveries} deliveries`;
}

function duration(ms: number): string {
  return ms < 60_000 ? `${Math.floor(ms / 1_000)} s` : `${Math.floor(ms / 60_000)} min`;
}

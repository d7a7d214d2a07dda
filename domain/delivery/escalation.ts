/**
 * The levels to which a delivery without a driver is escalated: when each is due, and what it does.
 * docs/behaviour.md#escalation; founding ADR-027.
 */

import { clockShowsAt, type UnassignedClock, unassignedMs } from './unassignedClock';

/** How far a delivery without a driver has been escalated. */
export type EscalationLevel = 1 | 2 | 3;

/** 0 = not yet. */
export type ReachedLevel = 0 | EscalationLevel;

// ---- limits ----

/** After how much unassigned time each level is due, in ms, rising. */
export type EscalationThresholds = Readonly<Record<EscalationLevel, number>>;

/** 5, 15 and 30 minutes (`ESCALATION_LEVEL_1|2|3_THRESHOLD_MINUTES`). */
export const ESCALATION_THRESHOLDS: EscalationThresholds = { 1: 300_000, 2: 900_000, 3: 1_800_000 };

/** Page and broadcast of level 3 are repeated every 10 minutes, in ms. */
export const ESCALATION_REPEAT_MS = 600_000;

/**
 * Settings of escalation: `bonusCents` is what level 2 adds to the pay, `waveSize` how many drivers one wave
 * of a broadcast asks, `minuteMs` how long a minute lasts that a city sets.
 */
export type EscalationLimits = {
  thresholds: EscalationThresholds;
  repeatMs: number;
  bonusCents: number;
  waveSize: number;
  minuteMs: number;
};

/** Level 2 adds 2.00 to the pay; a wave asks at most 8 drivers. */
export const ESCALATION_LIMITS: EscalationLimits = {
  thresholds: ESCALATION_THRESHOLDS,
  repeatMs: ESCALATION_REPEAT_MS,
  bonusCents: 200,
  waveSize: 8,
  minuteMs: 60_000,
};

/**
 * The thresholds of a city.
 * @param cityMinutes the city's own, in minutes of `minuteMs` each; empty = `defaults` hold
 */
export function thresholdsOf(
  cityMinutes: readonly number[],
  minuteMs: number,
  defaults: EscalationThresholds,
): EscalationThresholds {
  const [first, second, third] = cityMinutes.map((minutes) => minutes * minuteMs);
  if (first === undefined || second === undefined || third === undefined) return defaults;
  return { 1: first, 2: second, 3: third };
}

/** The limits of escalation in a city. */
export function limitsIn(cityMinutes: readonly number[], limits: EscalationLimits): EscalationLimits {
  return { ...limits, thresholds: thresholdsOf(cityMinutes, limits.minuteMs, limits.thresholds) };
}

// ---- when a level is due ----

/**
 * The next level and when (epoch ms, perhaps past) it is due; null while the clock is stopped, or once level
 * 3 is reached.
 */
export function nextEscalation(
  clock: UnassignedClock,
  reached: ReachedLevel,
  thresholds: EscalationThresholds,
): { level: EscalationLevel; dueAt: number } | null {
  const level = levelsAbove(reached)[0];
  if (level === undefined) return null;
  const dueAt = clockShowsAt(clock, thresholds[level]);
  return dueAt === null ? null : { level, dueAt };
}

/**
 * The highest level above `reached` that is due by `now`; null where none is, or while the clock is stopped.
 * After an outage only that level is reached, not those below it.
 */
export function overdueLevel(
  clock: UnassignedClock,
  reached: ReachedLevel,
  thresholds: EscalationThresholds,
  now: number,
): EscalationLevel | null {
  if (clock.runningSince === null) return null;
  const spent = unassignedMs(clock, now);
  return levelsAbove(reached).findLast((level) => thresholds[level] <= spent) ?? null;
}

/**
 * When (epoch ms) page and broadcast are repeated, after they were last sent at `lastMs` of unassigned time;
 * null below level 3, or while the clock is stopped.
 */
export function nextRepeatAt(
  clock: UnassignedClock,
  reached: ReachedLevel,
  lastMs: number,
  everyMs: number = ESCALATION_REPEAT_MS,
): number | null {
  return reached === 3 ? clockShowsAt(clock, lastMs + everyMs) : null;
}

/**
 * What escalation depends on. `escalatedAfterMs`: the unassigned time at which the level was reached, or its
 * page and broadcast were last repeated; null = never.
 */
export type Escalating = {
  clock: UnassignedClock;
  escalationLevel: ReachedLevel;
  escalatedAfterMs: number | null;
};

/** A level that is to be reached, or page and broadcast that are to be repeated. */
export type DueEscalation = { kind: 'level'; level: EscalationLevel } | { kind: 'repeat' };

/** What is due by `now`: the highest level above the one reached, or a repeat; null = nothing. */
export function dueEscalation(
  state: Escalating,
  limits: EscalationLimits,
  now: number,
): DueEscalation | null {
  const level = overdueLevel(state.clock, state.escalationLevel, limits.thresholds, now);
  if (level !== null) return { kind: 'level', level };
  const repeatAt = repeatAtOf(state, limits);
  return repeatAt !== null && repeatAt <= now ? { kind: 'repeat' } : null;
}

/**
 * When (epoch ms, perhaps past) something is due next if nobody is found; `level` null = a repeat of page and
 * broadcast. Null while the clock is stopped.
 */
export function nextEscalationOf(
  state: Escalating,
  limits: EscalationLimits,
): { at: number; level: EscalationLevel | null } | null {
  const next = nextEscalation(state.clock, state.escalationLevel, limits.thresholds);
  if (next !== null) return { at: next.dueAt, level: next.level };
  const at = repeatAtOf(state, limits);
  return at === null ? null : { at, level: null };
}

function repeatAtOf(
  { clock, escalationLevel, escalatedAfterMs }: Escalating,
  { repeatMs, thresholds }: EscalationLimits,
): number | null {
  return nextRepeatAt(clock, escalationLevel, escalatedAfterMs ?? thresholds[3], repeatMs);
}

const LEVELS: readonly EscalationLevel[] = [1, 2, 3];

function levelsAbove(reached: ReachedLevel): readonly EscalationLevel[] {
  return LEVELS.filter((level) => level > reached);
}

// ---- effects of a level ----

/** One effect of a level. */
export type EscalationEffect =
  | 'WIDEN_RADIUS'
  | 'NOTIFY_OPS'
  | 'ENTER_SUPPORT_QUEUE'
  | 'RAISE_PAY'
  | 'PAGE_SUPPORT_MANAGER'
  | 'BROADCAST_OFFER'
  | 'NOTIFY_CUSTOMER'
  | 'NOTIFY_MERCHANT';

/** By level: effects that last, those that happen once, and those that are repeated. */
export const ESCALATION_EFFECTS: Readonly<
  Record<
    EscalationLevel,
    {
      lasting: readonly EscalationEffect[];
      once: readonly EscalationEffect[];
      repeated: readonly EscalationEffect[];
    }
  >
> = {
  1: { lasting: ['WIDEN_RADIUS'], once: ['NOTIFY_OPS'], repeated: [] },
  2: { lasting: ['ENTER_SUPPORT_QUEUE', 'RAISE_PAY'], once: [], repeated: [] },
  3: {
    lasting: [],
    once: ['NOTIFY_CUSTOMER', 'NOTIFY_MERCHANT'],
    repeated: ['PAGE_SUPPORT_MANAGER', 'BROADCAST_OFFER'],
  },
};

/**
 * The effects of going from `reached` to `level`: the lasting effects of every level in between, but only the
 * notifications of `level`, so that nobody is notified late of a skipped level.
 */
export function effectsOnReaching(
  reached: ReachedLevel,
  level: EscalationLevel,
): readonly EscalationEffect[] {
  const lasting = levelsAbove(reached)
    .filter((passed) => passed <= level)
    .flatMap((passed) => ESCALATION_EFFECTS[passed].lasting);
  return [...lasting, ...ESCALATION_EFFECTS[level].once, ...ESCALATION_EFFECTS[level].repeated];
}

/** The effects of what is due. */
export function effectsOf(due: DueEscalation, reached: ReachedLevel): readonly EscalationEffect[] {
  return due.kind === 'level' ? effectsOnReaching(reached, due.level) : ESCALATION_EFFECTS[3].repeated;
}

/** The part of a delivery that escalation changes. Instants are epoch ms. */
export type EscalatedState = {
  escalationLevel: ReachedLevel;
  escalatedAt: number | null;
  escalatedAfterMs: number | null;
  bonusCents: number;
  broadcastSince: number | null;
};

/** The escalated state after `due`. */
export function stateAfter(
  due: DueEscalation,
  state: Escalating & EscalatedState,
  limits: EscalationLimits,
  now: number,
): EscalatedState {
  const { escalationLevel: reached, bonusCents, broadcastSince } = state;
  const effects = effectsOf(due, reached);
  return {
    escalationLevel: due.kind === 'level' ? due.level : reached,
    escalatedAt: now,
    escalatedAfterMs: unassignedMs(state.clock, now),
    bonusCents: bonusCents + (effects.includes('RAISE_PAY') ? limits.bonusCents : 0),
    broadcastSince: effects.includes('BROADCAST_OFFER') ? now : broadcastSince,
  };
}

/**
 * The escalated state after everything due by `now`. A search plans with it, so that it uses a new level from the
 * moment the level is reached. ADR 15.
 */
export function stateAfterDue(
  state: Escalating & EscalatedState,
  limits: EscalationLimits,
  now: number,
): EscalatedState {
  const due = dueEscalation(state, limits, now);
  if (due !== null) return stateAfter(due, state, limits, now);
  const { escalationLevel, escalatedAt, escalatedAfterMs, bonusCents, broadcastSince } = state;
  return { escalationLevel, escalatedAt, escalatedAfterMs, bonusCents, broadcastSince };
}

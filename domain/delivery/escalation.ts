/** How far a delivery without a driver has been escalated. spec 4, ADR-027. */
export type EscalationLevel = 1 | 2 | 3;

/** 0 = not yet. */
export type ReachedLevel = 0 | EscalationLevel;

/** After how much unassigned time each level is due, in ms, rising. */
export type EscalationThresholds = Readonly<Record<EscalationLevel, number>>;

/** 5, 15 and 30 minutes (`ESCALATION_LEVEL_1|2|3_THRESHOLD_MINUTES`). spec 4. */
export const ESCALATION_THRESHOLDS: EscalationThresholds = { 1: 300_000, 2: 900_000, 3: 1_800_000 };

/** Page and broadcast of level 3 come again every 10 minutes, in ms. spec 4. */
export const ESCALATION_REPEAT_MS = 600_000;

/**
 * How long a delivery has been without a driver: what is added up, in ms, and since when (epoch ms) it runs;
 * null = it stands still. spec 4.
 */
export type UnassignedClock = { accumulatedMs: number; runningSince: number | null };

/** A clock that never ran. */
export const NEW_CLOCK: UnassignedClock = { accumulatedMs: 0, runningSince: null };

/**
 * The clock running from `now` (epoch ms) on: the search began, or the driver was lost. A running clock stays
 * as it is.
 */
export function startClock(clock: UnassignedClock, now: number): UnassignedClock {
  return clock.runningSince === null ? { ...clock, runningSince: now } : clock;
}

/** The clock standing still: a driver has the delivery, or it is closed. A standing clock stays as it is. */
export function stopClock(clock: UnassignedClock, now: number): UnassignedClock {
  return { accumulatedMs: unassignedMs(clock, now), runningSince: null };
}

/**
 * The unassigned time up to `now`, in ms. It never goes back, even where `now` is before the start (a clock
 * that differs).
 */
export function unassignedMs(clock: UnassignedClock, now: number): number {
  return clock.runningSince === null
    ? clock.accumulatedMs
    : clock.accumulatedMs + Math.max(0, now - clock.runningSince);
}

/**
 * The next level and when (epoch ms, perhaps past) it is due; null while the clock stands or when level 3 is
 * reached.
 */
export function nextEscalation(
  clock: UnassignedClock,
  reached: ReachedLevel,
  thresholds: EscalationThresholds,
): { level: EscalationLevel; dueAt: number } | null {
  const level = levelsAbove(reached)[0];
  if (level === undefined) return null;
  const dueAt = instantOf(clock, thresholds[level]);
  return dueAt === null ? null : { level, dueAt };
}

/**
 * The highest level above `reached` that is due by `now`, so that after a pause only that one comes (spec 4);
 * null where none is or the clock stands.
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
 * When (epoch ms) page and broadcast come again after they came at `lastMs` of unassigned time; null below
 * level 3 or while the clock stands. spec 4.
 */
export function nextRepeatAt(
  clock: UnassignedClock,
  reached: ReachedLevel,
  lastMs: number,
  everyMs: number = ESCALATION_REPEAT_MS,
): number | null {
  return reached === 3 ? instantOf(clock, lastMs + everyMs) : null;
}

/**
 * When (epoch ms) the search is given up with NO_DRIVER; null while the clock stands. `searchMaxMs` 0 = never
 * (`SEARCH_MAX_MINUTES`). spec 1.
 */
export function giveUpAt(clock: UnassignedClock, searchMaxMs: number): number | null {
  return searchMaxMs === 0 ? null : instantOf(clock, searchMaxMs);
}

/**
 * What escalation looks at: the clock, the level reached, and at how much unassigned time that was, or its
 * page and broadcast last came again (ms).
 */
export type Escalating = {
  clock: UnassignedClock;
  escalationLevel: ReachedLevel;
  escalatedAfterMs: number | null;
};

/**
 * How escalation is set: ms, cents, how many drivers one wave of a broadcast asks, and how long a minute of
 * business lasts, for what cities set in minutes.
 */
export type EscalationLimits = {
  thresholds: EscalationThresholds;
  repeatMs: number;
  bonusCents: number;
  waveSize: number;
  minuteMs: number;
};

/** 2.00 more pay at level 2 (ours), waves of at most 8 drivers (spec 4). */
export const ESCALATION_LIMITS: EscalationLimits = {
  thresholds: ESCALATION_THRESHOLDS,
  repeatMs: ESCALATION_REPEAT_MS,
  bonusCents: 200,
  waveSize: 8,
  minuteMs: 60_000,
};

/**
 * Thresholds of a city that sets its own, in minutes, which last `minuteMs` each; else (empty) those of the
 * settings.
 */
export function thresholdsOf(
  cityMinutes: readonly number[],
  minuteMs: number,
  set: EscalationThresholds,
): EscalationThresholds {
  const [first, second, third] = cityMinutes.map((minutes) => minutes * minuteMs);
  if (first === undefined || second === undefined || third === undefined) return set;
  return { 1: first, 2: second, 3: third };
}

/** The limits of escalation in a city. */
export function limitsIn(cityMinutes: readonly number[], limits: EscalationLimits): EscalationLimits {
  return { ...limits, thresholds: thresholdsOf(cityMinutes, limits.minuteMs, limits.thresholds) };
}

/** A level that is to be reached, or page and broadcast that are to come once more. */
export type DueEscalation = { kind: 'level'; level: EscalationLevel } | { kind: 'repeat' };

/**
 * What is due by `now`: the highest level above the one reached, or page and broadcast once more; null where
 * nothing is.
 */
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

/** The part of a delivery's row that escalation changes; bonus in cents. */
export type EscalatedState = {
  escalationLevel: ReachedLevel;
  escalatedAt: number | null;
  escalatedAfterMs: number | null;
  bonusCents: number;
  broadcastSince: number | null;
};

/**
 * That part as it is once what is due by `now` was done; the same numbers where nothing is. The search goes
 * by it in the very moment in which a level is reached.
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

/** That part as it is once `due` was done. */
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

/** What is to be done for what is due. */
export function effectsOf(due: DueEscalation, reached: ReachedLevel): readonly EscalationEffect[] {
  return due.kind === 'level' ? effectsOnReaching(reached, due.level) : ESCALATION_EFFECTS[3].repeated;
}

/**
 * When (epoch ms, perhaps past) escalation acts next if nobody is found; `level` null = page and broadcast
 * come again. Null while the clock stands.
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

/** One thing a level does. Lasting ones change the delivery and stay; the others are said once. */
export type EscalationEffect =
  | 'WIDEN_RADIUS'
  | 'TELL_OPS'
  | 'ENTER_SUPPORT_QUEUE'
  | 'RAISE_PAY'
  | 'PAGE_SUPPORT_MANAGER'
  | 'BROADCAST_OFFER'
  | 'TELL_CUSTOMER'
  | 'TELL_MERCHANT';

/** What each level does, and of that what stays and what comes again. spec 4. */
export const ESCALATION_EFFECTS: Readonly<
  Record<
    EscalationLevel,
    {
      lasting: readonly EscalationEffect[];
      told: readonly EscalationEffect[];
      repeated: readonly EscalationEffect[];
    }
  >
> = {
  1: { lasting: ['WIDEN_RADIUS'], told: ['TELL_OPS'], repeated: [] },
  2: { lasting: ['ENTER_SUPPORT_QUEUE', 'RAISE_PAY'], told: [], repeated: [] },
  3: {
    lasting: [],
    told: ['TELL_CUSTOMER', 'TELL_MERCHANT'],
    repeated: ['PAGE_SUPPORT_MANAGER', 'BROADCAST_OFFER'],
  },
};

/**
 * What is to be done when a delivery goes from `reached` to `level`: the lasting effects of every level on
 * the way, but of the telling and the repeated ones only `level`'s own, so that a skipped level tells nobody
 * late. spec 4 ("the highest overdue level comes once").
 */
export function effectsOnReaching(
  reached: ReachedLevel,
  level: EscalationLevel,
): readonly EscalationEffect[] {
  const lasting = levelsAbove(reached)
    .filter((passed) => passed <= level)
    .flatMap((passed) => ESCALATION_EFFECTS[passed].lasting);
  return [...lasting, ...ESCALATION_EFFECTS[level].told, ...ESCALATION_EFFECTS[level].repeated];
}

const LEVELS: readonly EscalationLevel[] = [1, 2, 3];

function levelsAbove(reached: ReachedLevel): readonly EscalationLevel[] {
  return LEVELS.filter((level) => level > reached);
}

/** When the clock shows `unassigned` ms, as epoch ms; null while it stands. */
function instantOf(clock: UnassignedClock, unassigned: number): number | null {
  return clock.runningSince === null ? null : clock.runningSince + unassigned - clock.accumulatedMs;
}

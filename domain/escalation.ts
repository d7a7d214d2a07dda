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

/** How long a delivery has been without a driver: what is added up, in ms, and since when (epoch ms) it runs; null = it stands still. spec 4. */
export type UnassignedClock = { accumulatedMs: number; runningSince: number | null };

/** A clock that never ran. */
export const NEW_CLOCK: UnassignedClock = { accumulatedMs: 0, runningSince: null };

/** The clock running from `now` (epoch ms) on: the search began, or the driver was lost. A running clock stays as it is. */
export function startClock(clock: UnassignedClock, now: number): UnassignedClock {
  return clock.runningSince === null ? { ...clock, runningSince: now } : clock;
}

/** The clock standing still: a driver has the delivery, or it is closed. A standing clock stays as it is. */
export function stopClock(clock: UnassignedClock, now: number): UnassignedClock {
  return { accumulatedMs: unassignedMs(clock, now), runningSince: null };
}

/** The unassigned time up to `now`, in ms. It never goes back, even where `now` is before the start (a clock that differs). */
export function unassignedMs(clock: UnassignedClock, now: number): number {
  return clock.runningSince === null ? clock.accumulatedMs : clock.accumulatedMs + Math.max(0, now - clock.runningSince);
}

/** The next level and when (epoch ms, perhaps past) it is due; null while the clock stands or when level 3 is reached. */
export function nextEscalation(clock: UnassignedClock, reached: ReachedLevel, thresholds: EscalationThresholds): { level: EscalationLevel; dueAt: number } | null {
  const level = levelsAbove(reached)[0];
  if (level === undefined) return null;
  const dueAt = instantOf(clock, thresholds[level]);
  return dueAt === null ? null : { level, dueAt };
}

/** The highest level above `reached` that is due by `now`, so that after a pause only that one comes (spec 4); null where none is or the clock stands. */
export function overdueLevel(clock: UnassignedClock, reached: ReachedLevel, thresholds: EscalationThresholds, now: number): EscalationLevel | null {
  if (clock.runningSince === null) return null;
  const spent = unassignedMs(clock, now);
  return levelsAbove(reached).findLast((level) => thresholds[level] <= spent) ?? null;
}

/** When (epoch ms) page and broadcast come again after `lastAt`; null below level 3 or while the clock stands. spec 4. */
export function nextRepeatAt(clock: UnassignedClock, reached: ReachedLevel, lastAt: number, everyMs: number = ESCALATION_REPEAT_MS): number | null {
  return reached === 3 && clock.runningSince !== null ? lastAt + everyMs : null;
}

/** When (epoch ms) the search is given up with NO_DRIVER; null while the clock stands. `searchMaxMs` 0 = never (`SEARCH_MAX_MINUTES`). spec 1. */
export function giveUpAt(clock: UnassignedClock, searchMaxMs: number): number | null {
  return searchMaxMs === 0 ? null : instantOf(clock, searchMaxMs);
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
export const ESCALATION_EFFECTS: Readonly<Record<EscalationLevel, { lasting: readonly EscalationEffect[]; told: readonly EscalationEffect[]; repeated: readonly EscalationEffect[] }>> = {
  1: { lasting: ['WIDEN_RADIUS'], told: ['TELL_OPS'], repeated: [] },
  2: { lasting: ['ENTER_SUPPORT_QUEUE', 'RAISE_PAY'], told: [], repeated: [] },
  3: { lasting: [], told: ['TELL_CUSTOMER', 'TELL_MERCHANT'], repeated: ['PAGE_SUPPORT_MANAGER', 'BROADCAST_OFFER'] },
};

/**
 * What is to be done when a delivery goes from `reached` to `level`: the lasting effects of every level on the way, but of the telling and the
 * repeated ones only `level`'s own, so that a skipped level tells nobody late. spec 4 ("the highest overdue level comes once").
 */
export function effectsOnReaching(reached: ReachedLevel, level: EscalationLevel): readonly EscalationEffect[] {
  const lasting = levelsAbove(reached).filter((passed) => passed <= level).flatMap((passed) => ESCALATION_EFFECTS[passed].lasting);
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

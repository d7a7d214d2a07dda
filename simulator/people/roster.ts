import type { Random } from '../kit/random';

/** A driver's duty in the roster at an instant. */
export type Duty = 'onDuty' | 'onBreak' | 'offDuty';

/**
 * The drivers' shifts, breaks and time at home. Pure: the same seed gives the same roster. All drivers begin
 * on duty. Their shifts end one after another, so most drivers are on duty at any time.
 */
export type Roster = {
  /** @param driver its number from 0; @param clockMs since the run began */
  dutyAt(driver: number, clockMs: number): Duty;
  /** The number of drivers on duty and not on a break. */
  onDutyAt(clockMs: number): number;
};

export type RosterOptions = {
  drivers: number;
  random: Random;
  /** Whether this driver's app supports breaks. */
  takesBreaks: (driver: number) => boolean;
};

type Absence = { duty: Exclude<Duty, 'onDuty'>; from: number; until: number };

const MINUTE_MS = 60_000;
/** A shift, and the time at home after it. */
const CYCLE_MS = 48 * MINUTE_MS;
const SHIFT_MS = 42 * MINUTE_MS;
const HOME_MS = { min: 4 * MINUTE_MS, max: 7 * MINUTE_MS };
/** Start of each break, before the end of the shift. */
const BREAKS_BEFORE_END_MS = [28 * MINUTE_MS, 14 * MINUTE_MS] as const;
const BREAK_MS = { min: 2 * MINUTE_MS, max: 3 * MINUTE_MS };
const LATE_MS = { min: 0, max: 2 * MINUTE_MS };

export function rosterOf({ drivers, random, takesBreaks }: RosterOptions): Roster {
  const drawn = new Map<string, Absence[]>();
  const absencesIn = (driver: number, cycle: number, endsAt: number): Absence[] => {
    const name = `driver ${driver} cycle ${cycle}`;
    const absences = drawn.get(name) ?? absencesOf(endsAt, random.stream(name));
    drawn.set(name, absences);
    return absences;
  };
  const dutyAt = (driver: number, clockMs: number): Duty => {
    const firstEnd = (SHIFT_MS * (driver + 1)) / drivers;
    const lastEnded = Math.floor((clockMs - firstEnd) / CYCLE_MS);
    // Breaks are planned back from the end of their shift.
    const absences = [lastEnded, lastEnded + 1]
      .filter((cycle) => cycle >= 0)
      .flatMap((cycle) => absencesIn(driver, cycle, firstEnd + cycle * CYCLE_MS));
    const now = absences.find(({ from, until }) => from > 0 && from <= clockMs && clockMs < until);
    return now === undefined || (now.duty === 'onBreak' && !takesBreaks(driver)) ? 'onDuty' : now.duty;
  };
  return {
    dutyAt,
    onDutyAt: (clockMs) =>
      Array.from({ length: drivers }, (_, driver) => dutyAt(driver, clockMs)).filter(
        (duty) => duty === 'onDuty',
      ).length,
  };
}

/** The breaks of the shift with the planned end `endsAt`, and the time at home after it. */
function absencesOf(endsAt: number, random: Random): Absence[] {
  const absence = (duty: Absence['duty'], planned: number, length: { min: number; max: number }): Absence => {
    const from = planned + random.between(LATE_MS.min, LATE_MS.max);
    return { duty, from, until: from + random.between(length.min, length.max) };
  };
  return [
    ...BREAKS_BEFORE_END_MS.map((before) => absence('onBreak', endsAt - before, BREAK_MS)),
    absence('offDuty', endsAt, HOME_MS),
  ];
}

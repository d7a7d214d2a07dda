import { describe, expect, test } from '@jest/globals';
import { randomFrom } from '../../simulator/kit/random';
import { type Duty, type Roster, rosterOf } from '../../simulator/people/roster';

const MINUTE_MS = 60_000;
const DRIVERS = 12;
const roster = (seed: string, drivers = DRIVERS): Roster =>
  rosterOf({ drivers, random: randomFrom(seed), takesBreaks: (driver) => driver % 6 !== 5 });

/** A driver's duty, sampled every ten seconds for four hours. */
const played = (of: Roster, driver: number): Duty[] =>
  Array.from({ length: 1_440 }, (_, look) => of.dutyAt(driver, look * 10_000));

/** Lengths in minutes of the complete stretches of one duty. */
function lengthsOf(duties: readonly Duty[], duty: Duty): number[] {
  const runs: { duty: Duty; looks: number }[] = [];
  for (const each of duties) {
    const last = runs.at(-1);
    if (last?.duty === each) last.looks += 1;
    else runs.push({ duty: each, looks: 1 });
  }
  return runs
    .slice(1, -1)
    .filter((run) => run.duty === duty)
    .map(({ looks }) => looks / 6);
}

describe('the roster', () => {
  test('is the same for the same seed, in any order of calls', () => {
    const [one, other] = [roster('a'), roster('a')];
    const late = other.dutyAt(3, 200 * MINUTE_MS);
    for (let driver = 0; driver < DRIVERS; driver++)
      expect(played(one, driver)).toEqual(played(other, driver));
    expect(one.dutyAt(3, 200 * MINUTE_MS)).toBe(late);
    expect(played(roster('b'), 0)).not.toEqual(played(one, 0));
  });

  test('begins with all drivers on duty', () => {
    for (const drivers of [1, 2, 12, 100]) expect(roster('start', drivers).onDutyAt(0)).toBe(drivers);
  });

  test('keeps most drivers on duty, and some away, at any later time', () => {
    const of = roster('most');
    const onDuty = Array.from({ length: 230 }, (_, minute) => of.onDutyAt((minute + 10) * MINUTE_MS));
    expect(Math.min(...onDuty)).toBeGreaterThanOrEqual(6);
    const mean = onDuty.reduce((sum, count) => sum + count, 0) / onDuty.length;
    expect(mean).toBeGreaterThan(8);
    expect(mean).toBeLessThan(11);
  });

  test.each(Array.from({ length: DRIVERS }, (_, driver) => driver))(
    'lets driver %i go home and come back',
    (driver) => {
      const atHome = lengthsOf(played(roster('home'), driver), 'offDuty');
      expect(atHome.length).toBeGreaterThanOrEqual(4);
      expect(Math.min(...atHome)).toBeGreaterThan(3.5);
      expect(Math.max(...atHome)).toBeLessThan(7.5);
    },
  );

  test('gives breaks only to drivers with an app that supports them', () => {
    const of = roster('breaks');
    const breaks = Array.from({ length: DRIVERS }, (_, driver) => lengthsOf(played(of, driver), 'onBreak'));
    for (const [driver, lengths] of breaks.entries()) {
      if (driver % 6 === 5) expect(lengths).toEqual([]);
      else expect(lengths.length).toBeGreaterThanOrEqual(7);
    }
    expect(Math.min(...breaks.flat())).toBeGreaterThan(1.5);
    expect(Math.max(...breaks.flat())).toBeLessThan(3.5);
  });
});

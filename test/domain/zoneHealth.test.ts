import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  acceptanceOf,
  isEmpty,
  judgeZone,
  NO_FIGURES,
  wordsOf,
  ZONE_REASONS,
  ZONE_STATES,
  ZONE_THRESHOLDS,
  type ZoneFigures,
  type ZoneReason,
  type ZoneState,
} from '../../domain/zones/zoneHealth';

const MINUTE = 60_000;
/** A calm zone: some work, and more drivers than work. */
const QUIET: ZoneFigures = {
  ...NO_FIGURES,
  openDeliveries: 6,
  searching: 2,
  carried: 4,
  freeDrivers: 3,
  busyDrivers: 4,
  waitingP50Ms: 20_000,
  waitingMaxMs: 40_000,
  acceptance15m: acceptanceOf(9, 10),
};
const atLevel = (level: 1 | 2 | 3) => ({
  escalationsByLevel: { ...NO_FIGURES.escalationsByLevel, [level]: 1 },
});

describe('a zone', () => {
  it.each<[string, Partial<ZoneFigures>, ZoneState, ZoneReason[]]>([
    ['with more free drivers than searches is ok', {}, 'OK', []],
    ['with as many free drivers as searches is ok', { searching: 3 }, 'OK', []],
    ['without searches needs no free driver', { searching: 0, freeDrivers: 0 }, 'OK', []],
    ['with more searches than free drivers is strained', { searching: 4 }, 'STRAINED', ['DRIVERS_SHORT']],
    [
      'with searches and no free driver is critical',
      { searching: 1, freeDrivers: 0 },
      'CRITICAL',
      ['NO_FREE_DRIVERS'],
    ],
    ['just under the wait of level 1 is ok', { waitingMaxMs: 5 * MINUTE - 1 }, 'OK', []],
    ['at the wait of level 1 is strained', { waitingMaxMs: 5 * MINUTE }, 'STRAINED', ['WAITING_LONG']],
    ['at the wait of level 3 is critical', { waitingMaxMs: 30 * MINUTE }, 'CRITICAL', ['WAITING_VERY_LONG']],
    ['with a delivery at level 1 is strained', atLevel(1), 'STRAINED', ['LEVEL_1']],
    ['with a delivery at level 2 is strained', atLevel(2), 'STRAINED', ['LEVEL_2']],
    ['with a delivery at level 3 is critical', atLevel(3), 'CRITICAL', ['LEVEL_3']],
    ['with acceptance of 70 % is ok', { acceptance15m: acceptanceOf(7, 10) }, 'OK', []],
    [
      'with acceptance under 70 % is strained',
      { acceptance15m: acceptanceOf(3, 5) },
      'STRAINED',
      ['ACCEPTANCE_LOW'],
    ],
    ['with four answers is not judged by acceptance', { acceptance15m: acceptanceOf(0, 4) }, 'OK', []],
    ['with 50 open cases is ok', { openCases: 50 }, 'OK', []],
    ['with 51 open cases is strained', { openCases: 51 }, 'STRAINED', ['CASES_MANY']],
    [
      'names all reasons, the worst first',
      {
        searching: 9,
        freeDrivers: 0,
        acceptance15m: acceptanceOf(0, 9),
        waitingMaxMs: 6 * MINUTE,
        ...atLevel(3),
      },
      'CRITICAL',
      ['LEVEL_3', 'NO_FREE_DRIVERS', 'WAITING_LONG', 'ACCEPTANCE_LOW'],
    ],
  ])('%s', (_what, change, state, reasons) => {
    expect(judgeZone({ ...QUIET, ...change })).toEqual({ state, reasons });
  });

  it('is judged by the thresholds of its city', () => {
    const waiting = { 1: 1 * MINUTE, 2: 2 * MINUTE, 3: 3 * MINUTE };
    expect(
      judgeZone({ ...QUIET, waitingMaxMs: 3 * MINUTE }, { ...ZONE_THRESHOLDS, waiting }).reasons,
    ).toEqual(['WAITING_VERY_LONG']);
  });

  it('is empty only without deliveries, drivers, answers and cases', () => {
    expect(isEmpty(NO_FIGURES)).toBe(true);
    for (const change of [
      { openDeliveries: 1 },
      { freeDrivers: 1 },
      { busyDrivers: 1 },
      { acceptance15m: acceptanceOf(0, 1) },
      { openCases: 1 },
    ]) {
      expect(isEmpty({ ...NO_FIGURES, ...change })).toBe(false);
    }
  });

  it.each<[ZoneReason, string]>([
    ['LEVEL_3', '1 delivery at escalation level 3'],
    ['NO_FREE_DRIVERS', '2 deliveries searched for, no driver free'],
    ['WAITING_LONG', 'one has waited 40 s for a driver'],
    ['DRIVERS_SHORT', '2 deliveries searched for, drivers free: 3'],
    ['ACCEPTANCE_LOW', '9 of 10 offers were accepted'],
  ])('describes %s', (reason, words) => {
    expect(wordsOf(reason, { ...QUIET, ...atLevel(3) })).toBe(words);
  });
});

const amount = fc.integer({ min: 0, max: 60 });
const figures: fc.Arbitrary<ZoneFigures> = fc
  .record({
    searching: amount,
    carried: amount,
    freeDrivers: amount,
    busyDrivers: amount,
    waitingP50Ms: fc.constant(0),
    waitingMaxMs: fc.integer({ min: 0, max: 40 * MINUTE }),
    acceptance15m: fc
      .tuple(amount, amount)
      .map(([accepted, refused]) => acceptanceOf(accepted, accepted + refused)),
    escalationsByLevel: fc.record({
      1: fc.integer({ min: 0, max: 1 }),
      2: fc.integer({ min: 0, max: 1 }),
      3: fc.integer({ min: 0, max: 1 }),
    }),
    openCases: amount,
  })
  .map((rest) => ({ ...rest, openDeliveries: rest.searching + rest.carried }));

/** One change for the worse, of every kind. */
const TROUBLES: Readonly<Record<string, (before: ZoneFigures) => ZoneFigures>> = {
  'one more to search for': (before) => ({
    ...before,
    openDeliveries: before.openDeliveries + 1,
    searching: before.searching + 1,
  }),
  'one free driver fewer': (before) => ({ ...before, freeDrivers: Math.max(0, before.freeDrivers - 1) }),
  'a minute more of waiting': (before) => ({ ...before, waitingMaxMs: before.waitingMaxMs + MINUTE }),
  'one more offer refused': (before) => ({
    ...before,
    acceptance15m: acceptanceOf(before.acceptance15m.accepted, before.acceptance15m.answered + 1),
  }),
  'one more at level 1': (before) => ({
    ...before,
    escalationsByLevel: { ...before.escalationsByLevel, 1: before.escalationsByLevel[1] + 1 },
  }),
  'one more at level 3': (before) => ({
    ...before,
    escalationsByLevel: { ...before.escalationsByLevel, 3: before.escalationsByLevel[3] + 1 },
  }),
  'one more open case': (before) => ({ ...before, openCases: before.openCases + 1 }),
};

describe('for any figures', () => {
  it.each(Object.entries(TROUBLES))('%s never improve the state', (_what, add) => {
    fc.assert(
      fc.property(figures, (before) => {
        const rank = (of: ZoneFigures): number => ZONE_STATES.indexOf(judgeZone(of).state);
        expect(rank(add(before))).toBeGreaterThanOrEqual(rank(before));
      }),
    );
  });

  it('a zone is OK exactly where it has no reasons, and every reason has a description', () => {
    fc.assert(
      fc.property(figures, (of) => {
        const { state, reasons } = judgeZone(of);
        expect(state === 'OK').toBe(reasons.length === 0);
        expect(reasons).toEqual(ZONE_REASONS.filter((reason) => reasons.includes(reason)));
        for (const reason of reasons) expect(wordsOf(reason, of)).not.toBe('');
      }),
    );
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  dueEscalation,
  effectsOnReaching,
  ESCALATION_LIMITS,
  ESCALATION_THRESHOLDS,
  limitsIn,
  nextEscalation,
  nextEscalationOf,
  nextRepeatAt,
  overdueLevel,
  stateAfterDue,
  type ReachedLevel,
} from '../../domain/delivery/escalation';
import {
  giveUpAt,
  NEW_CLOCK,
  startClock,
  stopClock,
  unassignedMs,
  type UnassignedClock,
} from '../../domain/delivery/unassignedClock';

const MINUTE = 60_000;
const START = 1_700_000_000_000;
const reached = fc.constantFrom<ReachedLevel>(0, 1, 2, 3);
const span = fc.nat(60 * MINUTE);

/** An interrupted search: alternating times unassigned and with a driver, in ms. */
const story = fc.array(fc.tuple(span, span), { maxLength: 8 });

/** The clock after that history, and the time then. */
function play(spans: readonly (readonly [number, number])[]): { clock: UnassignedClock; now: number } {
  return spans.reduce(
    ({ clock, now }, [searching, carried]) => ({
      clock: stopClock(startClock(clock, now), now + searching),
      now: now + searching + carried,
    }),
    { clock: NEW_CLOCK, now: START },
  );
}

describe('the unassigned clock', () => {
  it('counts only time without a driver', () => {
    fc.assert(
      fc.property(story, (spans) => {
        const { clock, now } = play(spans);
        expect(unassignedMs(clock, now)).toBe(spans.reduce((sum, [searching]) => sum + searching, 0));
      }),
    );
  });

  it('ignores a second start or stop', () => {
    fc.assert(
      fc.property(story, span, span, (spans, later, muchLater) => {
        const { clock, now } = play(spans);
        const running = startClock(clock, now);
        expect(startClock(running, now + later)).toEqual(running);
        const stopped = stopClock(running, now + later);
        expect(stopClock(stopped, now + later + muchLater)).toEqual(stopped);
      }),
    );
  });

  it('does not run backwards for a caller whose clock is behind', () => {
    expect(unassignedMs(startClock(NEW_CLOCK, START), START - 5_000)).toBe(0);
  });
});

describe('nextEscalation', () => {
  it('comes after 5, 15 and 30 minutes of one search', () => {
    const clock = startClock(NEW_CLOCK, START);
    expect(nextEscalation(clock, 0, ESCALATION_THRESHOLDS)).toEqual({ level: 1, dueAt: START + 5 * MINUTE });
    expect(nextEscalation(clock, 1, ESCALATION_THRESHOLDS)).toEqual({ level: 2, dueAt: START + 15 * MINUTE });
    expect(nextEscalation(clock, 2, ESCALATION_THRESHOLDS)).toEqual({ level: 3, dueAt: START + 30 * MINUTE });
    expect(nextEscalation(clock, 3, ESCALATION_THRESHOLDS)).toBeNull();
  });

  it('stops while a driver has the delivery, and resumes after a loss', () => {
    const assigned = stopClock(startClock(NEW_CLOCK, START), START + 4 * MINUTE);
    expect(nextEscalation(assigned, 0, ESCALATION_THRESHOLDS)).toBeNull();
    const lost = startClock(assigned, START + 60 * MINUTE);
    expect(nextEscalation(lost, 0, ESCALATION_THRESHOLDS)).toEqual({ level: 1, dueAt: START + 61 * MINUTE });
  });

  it('is due exactly when the clock reaches its threshold', () => {
    fc.assert(
      fc.property(story, reached, (spans, level) => {
        const { clock, now } = play(spans);
        const running = startClock(clock, now);
        const next = nextEscalation(running, level, ESCALATION_THRESHOLDS);
        if (next && next.dueAt >= now)
          expect(unassignedMs(running, next.dueAt)).toBe(ESCALATION_THRESHOLDS[next.level]);
      }),
    );
  });
});

describe('overdueLevel', () => {
  it('is the highest level that is due and not yet reached', () => {
    const clock = startClock(NEW_CLOCK, START);
    const at = (minutes: number, level: ReachedLevel) =>
      overdueLevel(clock, level, ESCALATION_THRESHOLDS, START + minutes * MINUTE);
    expect([at(4, 0), at(5, 0), at(20, 0), at(40, 0), at(40, 2), at(40, 3)]).toEqual([
      null,
      1,
      2,
      3,
      3,
      null,
    ]);
  });

  it('is none while a driver has the delivery', () => {
    const assigned = stopClock(startClock(NEW_CLOCK, START), START + 50 * MINUTE);
    expect(overdueLevel(assigned, 0, ESCALATION_THRESHOLDS, START + 99 * MINUTE)).toBeNull();
  });

  it('agrees with nextEscalation: something is overdue exactly when the next level is due', () => {
    fc.assert(
      fc.property(story, reached, span, (spans, level, later) => {
        const { clock, now } = play(spans);
        const running = startClock(clock, now);
        const next = nextEscalation(running, level, ESCALATION_THRESHOLDS);
        const overdue = overdueLevel(running, level, ESCALATION_THRESHOLDS, now + later);
        expect(overdue !== null).toBe(next !== null && next.dueAt <= now + later);
        if (overdue !== null) expect(overdue).toBeGreaterThan(level);
      }),
    );
  });
});

describe('effectsOnReaching', () => {
  it('returns the effects of each level', () => {
    expect(effectsOnReaching(0, 1)).toEqual(['WIDEN_RADIUS', 'NOTIFY_OPS']);
    expect(effectsOnReaching(1, 2)).toEqual(['ENTER_SUPPORT_QUEUE', 'RAISE_PAY']);
    expect(effectsOnReaching(2, 3)).toEqual([
      'NOTIFY_CUSTOMER',
      'NOTIFY_MERCHANT',
      'PAGE_SUPPORT_MANAGER',
      'BROADCAST_OFFER',
    ]);
  });

  it('keeps the lasting effects of skipped levels, without their notices', () => {
    expect(effectsOnReaching(0, 3)).toEqual([
      'WIDEN_RADIUS',
      'ENTER_SUPPORT_QUEUE',
      'RAISE_PAY',
      'NOTIFY_CUSTOMER',
      'NOTIFY_MERCHANT',
      'PAGE_SUPPORT_MANAGER',
      'BROADCAST_OFFER',
    ]);
    expect(effectsOnReaching(0, 2)).not.toContain('NOTIFY_OPS');
  });
});

describe('nextRepeatAt', () => {
  it('pages and broadcasts every 10 minutes at level 3, while the delivery has no driver', () => {
    const running = startClock(NEW_CLOCK, START);
    expect(nextRepeatAt(running, 3, 30 * MINUTE)).toBe(START + 40 * MINUTE);
    expect(nextRepeatAt(running, 2, 30 * MINUTE)).toBeNull();
    expect(nextRepeatAt(stopClock(running, START), 3, 30 * MINUTE)).toBeNull();
  });

  it('counts unassigned time only: a loss after an hour with a driver pages nobody at once', () => {
    const lost = startClock(
      stopClock(startClock(NEW_CLOCK, START), START + 31 * MINUTE),
      START + 91 * MINUTE,
    );
    expect(nextRepeatAt(lost, 3, 30 * MINUTE)).toBe(START + 100 * MINUTE);
  });
});

describe('giveUpAt', () => {
  it('counts unassigned time only', () => {
    const lost = startClock(
      stopClock(startClock(NEW_CLOCK, START), START + 100 * MINUTE),
      START + 200 * MINUTE,
    );
    expect(giveUpAt(lost, 120 * MINUTE)).toBe(START + 220 * MINUTE);
  });

  it('never comes where the setting is 0 or a driver has the delivery', () => {
    expect(giveUpAt(startClock(NEW_CLOCK, START), 0)).toBeNull();
    expect(giveUpAt(NEW_CLOCK, 120 * MINUTE)).toBeNull();
  });
});

describe('the due effects', () => {
  const since = (accumulatedMs: number, runningSince: number | null) => ({ accumulatedMs, runningSince });
  const at = (escalationLevel: ReachedLevel, clock: UnassignedClock, escalatedAt: number | null = null) => ({
    clock,
    escalationLevel,
    escalatedAt: null,
    escalatedAfterMs: escalatedAt,
    bonusCents: 0,
    broadcastSince: null,
  });

  it.each([
    ['nothing before the first level', at(0, since(0, 0)), 5 * MINUTE - 1, null],
    ['the level that is due', at(0, since(0, 0)), 5 * MINUTE, { kind: 'level', level: 1 }],
    ['only the highest of several due levels', at(0, since(0, 0)), 31 * MINUTE, { kind: 'level', level: 3 }],
    ['nothing while the clock is stopped', at(0, since(60 * MINUTE, null)), 90 * MINUTE, null],
    [
      'page and broadcast, ten minutes later',
      at(3, since(0, 0), 30 * MINUTE),
      40 * MINUTE,
      { kind: 'repeat' },
    ],
    ['nothing sooner', at(3, since(0, 0), 30 * MINUTE), 40 * MINUTE - 1, null],
  ] as const)('%s', (_case, state, now, due) => {
    expect(dueEscalation(state, ESCALATION_LIMITS, now)).toEqual(due);
  });

  it('are due exactly at the announced time', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<ReachedLevel>(0, 1, 2, 3),
        fc.nat(40 * MINUTE),
        fc.nat(40 * MINUTE),
        fc.nat(40 * MINUTE),
        (level, accumulated, running, ago) => {
          const state = at(level, since(accumulated, running), running + ago);
          const next = nextEscalationOf(state, ESCALATION_LIMITS);
          if (next === null) throw new Error('a running clock always comes to something');
          expect(dueEscalation(state, ESCALATION_LIMITS, next.at - 1) === null || next.at - 1 < running).toBe(
            true,
          );
          if (next.at >= running) expect(dueEscalation(state, ESCALATION_LIMITS, next.at)).not.toBeNull();
        },
      ),
    );
  });

  it('are recorded, so that the same instant returns none again', () => {
    fc.assert(
      fc.property(fc.constantFrom<ReachedLevel>(0, 1, 2, 3), fc.nat(200 * MINUTE), (level, now) => {
        const state = at(level, since(0, 0), 0);
        const after = { ...state, ...stateAfterDue(state, ESCALATION_LIMITS, now) };
        expect(dueEscalation(after, ESCALATION_LIMITS, now)).toBeNull();
        expect(after.escalationLevel).toBeGreaterThanOrEqual(level);
      }),
    );
  });

  it('raise the pay once, and start a broadcast at level 3 and at each repetition', () => {
    const at2 = stateAfterDue(at(0, since(0, 0)), ESCALATION_LIMITS, 15 * MINUTE);
    expect(at2).toEqual({
      escalationLevel: 2,
      escalatedAt: 15 * MINUTE,
      escalatedAfterMs: 15 * MINUTE,
      bonusCents: 200,
      broadcastSince: null,
    });
    const at3 = stateAfterDue({ clock: since(0, 0), ...at2 }, ESCALATION_LIMITS, 30 * MINUTE);
    expect(at3).toEqual({
      escalationLevel: 3,
      escalatedAt: 30 * MINUTE,
      escalatedAfterMs: 30 * MINUTE,
      bonusCents: 200,
      broadcastSince: 30 * MINUTE,
    });
    expect(
      stateAfterDue({ clock: since(0, 0), ...at3, broadcastSince: null }, ESCALATION_LIMITS, 40 * MINUTE),
    ).toEqual({
      ...at3,
      escalatedAt: 40 * MINUTE,
      escalatedAfterMs: 40 * MINUTE,
      broadcastSince: 40 * MINUTE,
    });
  });

  it('use the minutes of the city where it sets them', () => {
    expect(limitsIn([2, 4, 6], ESCALATION_LIMITS).thresholds).toEqual({
      1: 2 * MINUTE,
      2: 4 * MINUTE,
      3: 6 * MINUTE,
    });
    expect(limitsIn([2, 4, 6], { ...ESCALATION_LIMITS, minuteMs: 1_000 }).thresholds).toEqual({
      1: 2_000,
      2: 4_000,
      3: 6_000,
    });
    expect(limitsIn([], ESCALATION_LIMITS)).toEqual(ESCALATION_LIMITS);
  });
});

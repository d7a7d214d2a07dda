import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  effectsOnReaching, ESCALATION_THRESHOLDS, giveUpAt, NEW_CLOCK, nextEscalation, nextRepeatAt, overdueLevel, startClock, stopClock, unassignedMs,
  type ReachedLevel, type UnassignedClock,
} from '../../domain/escalation';

const MINUTE = 60_000;
const START = 1_700_000_000_000;
const reached = fc.constantFrom<ReachedLevel>(0, 1, 2, 3);
const span = fc.nat(60 * MINUTE);

/** A search that is interrupted: [unassigned, with a driver] in turn, each in ms. */
const story = fc.array(fc.tuple(span, span), { maxLength: 8 });

/** The clock after such a story, and the time then. */
function play(spans: readonly (readonly [number, number])[]): { clock: UnassignedClock; now: number } {
  return spans.reduce(({ clock, now }, [searching, carried]) => ({
    clock: stopClock(startClock(clock, now), now + searching),
    now: now + searching + carried,
  }), { clock: NEW_CLOCK, now: START });
}

describe('the unassigned clock', () => {
  it('counts the time without a driver and no other', () => {
    fc.assert(
      fc.property(story, (spans) => {
        const { clock, now } = play(spans);
        expect(unassignedMs(clock, now)).toBe(spans.reduce((sum, [searching]) => sum + searching, 0));
      }),
    );
  });

  it('is started and stopped twice as if once', () => {
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

  it('does not go back for a caller whose clock is behind', () => {
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

  it('waits while a driver has the delivery, and goes on after a loss with the time that was left', () => {
    const assigned = stopClock(startClock(NEW_CLOCK, START), START + 4 * MINUTE);
    expect(nextEscalation(assigned, 0, ESCALATION_THRESHOLDS)).toBeNull();
    const lost = startClock(assigned, START + 60 * MINUTE);
    expect(nextEscalation(lost, 0, ESCALATION_THRESHOLDS)).toEqual({ level: 1, dueAt: START + 61 * MINUTE });
  });

  it('is due exactly when the clock shows its threshold', () => {
    fc.assert(
      fc.property(story, reached, (spans, level) => {
        const { clock, now } = play(spans);
        const running = startClock(clock, now);
        const next = nextEscalation(running, level, ESCALATION_THRESHOLDS);
        if (next && next.dueAt >= now) expect(unassignedMs(running, next.dueAt)).toBe(ESCALATION_THRESHOLDS[next.level]);
      }),
    );
  });
});

describe('overdueLevel', () => {
  it('is the highest level that is due and not yet reached', () => {
    const clock = startClock(NEW_CLOCK, START);
    const at = (minutes: number, level: ReachedLevel) => overdueLevel(clock, level, ESCALATION_THRESHOLDS, START + minutes * MINUTE);
    expect([at(4, 0), at(5, 0), at(20, 0), at(40, 0), at(40, 2), at(40, 3)]).toEqual([null, 1, 2, 3, 3, null]);
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
  it('does what each level says', () => {
    expect(effectsOnReaching(0, 1)).toEqual(['WIDEN_RADIUS', 'TELL_OPS']);
    expect(effectsOnReaching(1, 2)).toEqual(['ENTER_SUPPORT_QUEUE', 'RAISE_PAY']);
    expect(effectsOnReaching(2, 3)).toEqual(['TELL_CUSTOMER', 'TELL_MERCHANT', 'PAGE_SUPPORT_MANAGER', 'BROADCAST_OFFER']);
  });

  it('keeps the lasting effects of levels that were skipped, and tells none of their news', () => {
    expect(effectsOnReaching(0, 3)).toEqual(['WIDEN_RADIUS', 'ENTER_SUPPORT_QUEUE', 'RAISE_PAY', 'TELL_CUSTOMER', 'TELL_MERCHANT', 'PAGE_SUPPORT_MANAGER', 'BROADCAST_OFFER']);
    expect(effectsOnReaching(0, 2)).not.toContain('TELL_OPS');
  });
});

describe('nextRepeatAt', () => {
  it('pages and broadcasts every 10 minutes at level 3, while nobody has the delivery', () => {
    const running = startClock(NEW_CLOCK, START);
    expect(nextRepeatAt(running, 3, START)).toBe(START + 10 * MINUTE);
    expect(nextRepeatAt(running, 2, START)).toBeNull();
    expect(nextRepeatAt(stopClock(running, START), 3, START)).toBeNull();
  });
});

describe('giveUpAt', () => {
  it('counts unassigned time only', () => {
    const lost = startClock(stopClock(startClock(NEW_CLOCK, START), START + 100 * MINUTE), START + 200 * MINUTE);
    expect(giveUpAt(lost, 120 * MINUTE)).toBe(START + 220 * MINUTE);
  });

  it('never comes where the setting is 0, nor while a driver has the delivery', () => {
    expect(giveUpAt(startClock(NEW_CLOCK, START), 0)).toBeNull();
    expect(giveUpAt(NEW_CLOCK, 120 * MINUTE)).toBeNull();
  });
});

import { describe, expect, test } from '@jest/globals';
import { type Violation, sentenceOf, type PendingViolation } from '../../reliability/checker/violation';
import { DESIGN_BOUNDS, mustBeRightBy, Patience } from '../../reliability/checker/patience';

const MISSING: Violation = { invariant: 5, what: 'not on the map', deliveryId: null, driverId: 'a' };
const suspicion = (key: string, since: number | null = null): PendingViolation => ({
  ...MISSING,
  key,
  since,
});
const NO_FAULT = -Infinity;
const FAULT_ON = Infinity;

describe('what must hold soon', () => {
  test('must be right a second after it went wrong, and a minute after a fault', () => {
    expect(mustBeRightBy(10_000, NO_FAULT, DESIGN_BOUNDS)).toBe(11_000);
    expect(mustBeRightBy(10_000, 9_000, DESIGN_BOUNDS)).toBe(69_000);
    expect(mustBeRightBy(90_000, 9_000, DESIGN_BOUNDS)).toBe(91_000);
    expect(mustBeRightBy(10_000, FAULT_ON, DESIGN_BOUNDS)).toBe(Infinity);
  });
});

describe('patience', () => {
  test('is over where the same thing is wrong for longer than its bound', () => {
    const patience = new Patience(DESIGN_BOUNDS);
    expect(patience.judge([suspicion('x')], 1_000, NO_FAULT)).toEqual([]);
    expect(patience.pending).toBe(1);
    expect(patience.judge([suspicion('x')], 2_000, NO_FAULT)).toEqual([]);
    expect(patience.judge([suspicion('x')], 2_001, NO_FAULT)).toEqual([MISSING]);
    expect(patience.pending).toBe(0);
  });

  test('begins anew with what came right between', () => {
    const patience = new Patience(DESIGN_BOUNDS);
    patience.judge([suspicion('x')], 1_000, NO_FAULT);
    patience.judge([], 1_900, NO_FAULT);
    expect(patience.judge([suspicion('x')], 2_500, NO_FAULT)).toEqual([]);
  });

  test('is not lost with another thing of the same name', () => {
    const patience = new Patience(DESIGN_BOUNDS);
    patience.judge([suspicion('version 1')], 1_000, NO_FAULT);
    expect(patience.judge([suspicion('version 2')], 2_500, NO_FAULT)).toEqual([]);
  });

  test('counts from when it began, where that is known', () => {
    const patience = new Patience(DESIGN_BOUNDS);
    expect(patience.judge([suspicion('x', 500)], 1_501, NO_FAULT)).toEqual([MISSING]);
  });

  test('lasts while a fault is on, and a minute longer', () => {
    const patience = new Patience(DESIGN_BOUNDS);
    patience.judge([suspicion('x')], 1_000, FAULT_ON);
    expect(patience.judge([suspicion('x')], 50_000, FAULT_ON)).toEqual([]);
    expect(patience.judge([suspicion('x')], 110_000, 50_000)).toEqual([]);
    expect(patience.judge([suspicion('x')], 110_001, 50_000)).toEqual([MISSING]);
  });
});

test('what is broken can be said in a sentence', () => {
  expect(sentenceOf(MISSING)).toBe('invariant 5: driver a: not on the map');
  expect(sentenceOf({ invariant: 1, what: '2 live offers', deliveryId: 'd', driverId: 'a' })).toBe(
    'invariant 1: delivery d, driver a: 2 live offers',
  );
  expect(sentenceOf({ invariant: 3, what: 'a stranger', deliveryId: null, driverId: null })).toBe(
    'invariant 3: a stranger',
  );
});

import { describe, expect, test } from '@jest/globals';
import { distanceMeters } from '../../domain/geo/places';
import { judgeSpeed, Lag } from '../../simulator/replay/lag';
import { planCsv, planMinute } from '../../simulator/replay/plan';
import { middleOf, pointOf } from '../../simulator/replay/plane';
import { dayClock, jobTimes, travelMinutes } from '../../simulator/replay/timing';

const RULES = { metersPerMinute: 320, pickupServiceMinutes: 4, dropoffServiceMinutes: 4 };
const order = { id: 'o1', x: 0, y: 6_400, restaurantId: 'r1', placementMinute: 100, readyMinute: 120 };
const restaurant = { x: 0, y: 3_200 };

describe('the times of a job', () => {
  test('travel is the straight line, rounded up to whole minutes', () => {
    expect(travelMinutes({ x: 0, y: 0 }, { x: 0, y: 3_200 }, RULES)).toBe(10);
    expect(travelMinutes({ x: 0, y: 0 }, { x: 0, y: 3_201 }, RULES)).toBe(11);
    expect(travelMinutes({ x: 3, y: 4 }, { x: 3, y: 4 }, RULES)).toBe(0);
  });

  // mdrp_evaluate.py gives the same three assignments 34, 34 and 40 minutes from click to door.
  test('the courier waits for the food', () => {
    expect(jobTimes({ x: 0, y: 0, freeMinute: 90 }, order, restaurant, 101.3, RULES)).toEqual({
      leave: 101.3,
      arrive: 111.3,
      pick: 120,
      atDoor: 132,
      drop: 134,
      free: 136,
    });
  });

  test('a carrying courier leaves when free', () => {
    const times = jobTimes({ x: 0, y: 0, freeMinute: 107 }, order, restaurant, 101, RULES);
    expect(times.leave).toBe(107);
    expect(times.pick).toBe(120);
  });

  test('the food waits for the courier, and a pickup falls on a whole minute', () => {
    expect(jobTimes({ x: 0, y: 0, freeMinute: 0 }, order, restaurant, 113.01, RULES)).toMatchObject({
      arrive: 123.01,
      pick: 126,
      drop: 140,
    });
  });
});

describe('the clock of a day', () => {
  const clock = dayClock(1_000_000, 60);

  test('a minute takes a second at speed 60', () => {
    expect(clock.instantOf(10)).toBe(1_010_000);
    expect(clock.minuteOf(1_010_500)).toBe(10.5);
  });

  test('an instant is never before its minute', () => {
    const odd = dayClock(0, 7);
    for (let minute = 0; minute < 500; minute++)
      expect(odd.minuteOf(odd.instantOf(minute))).toBeGreaterThanOrEqual(minute);
  });
});

test('distances on the map match those on the plane', () => {
  const places = [
    { x: 0, y: 0 },
    { x: 10_000, y: 9_000 },
    { x: 9_755, y: 1_693 },
  ];
  const middle = middleOf(places);
  expect(middle).toEqual({ x: 5_000, y: 4_500 });
  for (const a of places) {
    for (const b of places) {
      const meters = Math.hypot(a.x - b.x, a.y - b.y);
      expect(Math.abs(distanceMeters(pointOf(a, middle), pointOf(b, middle)) - meters)).toBeLessThanOrEqual(
        meters * 0.002,
      );
    }
  }
});

test('the plan is sorted by time and never earlier than the real assignments', () => {
  expect(planMinute(10.001)).toBe(10.01);
  expect(
    planCsv([
      { assignedMinute: 11, courierId: 'c2', orderId: 'o1' },
      { assignedMinute: 10.01, courierId: 'c1', orderId: 'o2' },
    ]),
  ).toBe('assigned_at,courier,orders\n10.01,c1,o2\n11.00,c2,o1\n');
});

describe('the lag', () => {
  const lagOf = (ms: number[]): Lag => {
    const lag = new Lag();
    for (const each of ms) lag.add('step', 1_000, 1_000 + each);
    return lag;
  };

  test('of a few ms, with one outlier, is harmless', () => {
    expect(judgeSpeed(lagOf([...Array.from({ length: 99 }, () => 20), 5_000]), 60)).toEqual({ held: true });
    expect(judgeSpeed(new Lag(), 60)).toEqual({ held: true });
  });

  test('of minutes of the day names its kind and a sustainable speed', () => {
    const verdict = judgeSpeed(lagOf(Array.from({ length: 20 }, () => 3_000)), 60);
    expect(verdict).toEqual({ held: false, kind: 'step', lagMinutes: 3, highestSpeed: 16 });
  });

  test('of an early action is 0', () => {
    expect(lagOf([-5]).figures('step')).toEqual({ count: 1, p50Ms: 0, p95Ms: 0, maxMs: 0 });
  });
});

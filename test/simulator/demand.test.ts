import { describe, expect, test } from '@jest/globals';
import {
  deliveriesPerDriverHour,
  ordersPerHour,
  phaseAt,
  RUSH_UTILISATION,
  UTILISATION,
  waitingBound,
} from '../../simulator/demo/demand';

const MINUTE_MS = 60_000;
const SPEED = 20;
const CALM = { clockMs: 0, driversOnDuty: 10, waiting: 0 };
const CAPACITY = 10 * deliveriesPerDriverHour(SPEED);

describe('the hour of the demo city', () => {
  test.each([
    [0, 'calm'],
    [19, 'calm'],
    [20, 'rush'],
    [29, 'rush'],
    [30, 'calm'],
    [45, 'lull'],
    [54, 'lull'],
    [55, 'calm'],
    [80, 'rush'],
    [110, 'lull'],
  ])('minute %i is %s', (minute, phase) => {
    expect(phaseAt(minute * MINUTE_MS)).toBe(phase);
  });
});

describe('the order rate', () => {
  test.each([
    ['calm', 0],
    ['rush', 25],
    ['lull', 50],
  ] as const)('%s: a share of what the drivers on duty can carry', (phase, minute) => {
    const rate = ordersPerHour('balanced', { ...CALM, clockMs: minute * MINUTE_MS }, SPEED);
    expect(rate).toBeCloseTo(CAPACITY * UTILISATION[phase]);
    expect(rate).toBeLessThan(CAPACITY);
  });

  test('follows the drivers on duty, and is 0 without any', () => {
    const withDrivers = (driversOnDuty: number): number =>
      ordersPerHour('balanced', { ...CALM, driversOnDuty }, SPEED);
    expect(withDrivers(5)).toBeCloseTo(withDrivers(10) / 2);
    expect(withDrivers(0)).toBe(0);
  });

  test('falls when too many orders wait, and is 0 at twice the bound', () => {
    const bound = waitingBound(10);
    const withWaiting = (waiting: number): number => ordersPerHour('balanced', { ...CALM, waiting }, SPEED);
    expect(withWaiting(bound)).toBe(withWaiting(0));
    expect(withWaiting(bound * 1.5)).toBeCloseTo(withWaiting(0) / 2);
    expect(withWaiting(bound * 2)).toBe(0);
    expect(withWaiting(500)).toBe(0);
  });

  test('rush demand is three times the capacity, with any backlog', () => {
    expect(ordersPerHour('rush', { ...CALM, waiting: 500 }, SPEED)).toBeCloseTo(CAPACITY * RUSH_UTILISATION);
  });

  test('rises with the speed, but less than in proportion: offers take real time', () => {
    expect(deliveriesPerDriverHour(40)).toBeGreaterThan(1.5 * deliveriesPerDriverHour(20));
    expect(deliveriesPerDriverHour(40)).toBeLessThan(2 * deliveriesPerDriverHour(20));
    expect(deliveriesPerDriverHour(1_000)).toBeLessThan(3_600);
  });
});

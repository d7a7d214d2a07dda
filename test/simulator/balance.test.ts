import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { ServiceUnavailableError } from '@driver-service/api-client';
import type { Outcome } from '../../simulator/client/service';
import { Balance } from '../../simulator/demo/balance';
import { ordersPerHour } from '../../simulator/demo/demand';
import type { Duty } from '../../simulator/people/roster';

const HOUR_MS = 3_600_000;

describe('the balance of the demo city', () => {
  let stop: AbortController;
  beforeEach(() => {
    jest.useFakeTimers();
    stop = new AbortController();
  });
  afterEach(() => {
    stop.abort();
    jest.useRealTimers();
  });

  function balanceOf(backlog: () => Promise<Outcome<{ waiting: number }>>) {
    const log: string[] = [];
    const duty: { now: Duty } = { now: 'onDuty' };
    const asked: string[] = [];
    const agree = (what: string) => async (): Promise<boolean> => {
      asked.push(what);
      return true;
    };
    const driver = {
      driverId: 'a',
      isV1: false,
      isCarrying: false,
      hasToFetch: false,
      get isOnDuty() {
        return duty.now === 'onDuty';
      },
      takeBreak: agree('takeBreak'),
      endBreak: async () => void asked.push('endBreak'),
      goHome: agree('goHome'),
      comeBack: agree('comeBack'),
    };
    const roster = { dutyAt: () => duty.now, onDutyAt: () => (duty.now === 'onDuty' ? 1 : 0) };
    const balance = new Balance({
      demand: 'balanced',
      speed: 20,
      cityId: 'amsterdam',
      roster,
      drivers: [driver],
      support: { backlog },
      log: (line) => void log.push(line),
    });
    return { balance, log, duty, asked };
  }

  test('no order comes before the backlog is known; then orders match the drivers', async () => {
    const { balance } = balanceOf(async () => ({ ok: true, waiting: 0 }));
    expect(balance.everyMs()).toBe(Infinity);
    void balance.watchBacklog(stop.signal);
    await jest.advanceTimersByTimeAsync(1);
    const rate = ordersPerHour('balanced', { clockMs: 1, driversOnDuty: 1, waiting: 0 }, 20);
    expect(balance.everyMs()).toBeCloseTo(HOUR_MS / rate);
    expect(balance.progress()).toBe('calm; 0 orders wait; 1 of 1 drivers are on duty');
  });

  test('orders stop when too many wait or no driver is on duty', async () => {
    let waiting = 100;
    const { balance, duty } = balanceOf(async () => ({ ok: true, waiting }));
    void balance.watchBacklog(stop.signal);
    await jest.advanceTimersByTimeAsync(1);
    expect(balance.everyMs()).toBe(Infinity);
    waiting = 0;
    await jest.advanceTimersByTimeAsync(10_000);
    expect(balance.everyMs()).toBeLessThan(Infinity);
    duty.now = 'offDuty';
    expect(balance.everyMs()).toBe(Infinity);
  });

  test('the last count holds while the service is away or refuses', async () => {
    let looks = 0;
    const { balance, log } = balanceOf(async () => {
      looks += 1;
      if (looks === 2) throw new ServiceUnavailableError('away', null);
      return looks === 1
        ? { ok: true, waiting: 1 }
        : { ok: false, status: 403, code: 'FORBIDDEN', detail: 'not yours' };
    });
    void balance.watchBacklog(stop.signal);
    await jest.advanceTimersByTimeAsync(20_001);
    expect(balance.progress()).toContain('1 orders wait');
    expect(log).toEqual([
      expect.stringContaining('the backlog could not be counted'),
      'the backlog could not be counted: FORBIDDEN: not yours',
    ]);
  });

  test('drivers follow the roster', async () => {
    const { balance, duty, asked } = balanceOf(async () => ({ ok: true, waiting: 0 }));
    void balance.followRoster(stop.signal);
    for (const now of ['onBreak', 'onDuty', 'offDuty', 'onDuty'] as const) {
      duty.now = now;
      await jest.advanceTimersByTimeAsync(1_001);
    }
    expect(asked).toEqual(['takeBreak', 'endBreak', 'goHome', 'comeBack']);
  });
});

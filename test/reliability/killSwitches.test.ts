import { describe, expect, test } from '@jest/globals';
import { Pool } from 'pg';
import type { SupportClient } from '../../simulator/client/supportClient';
import { stateIn, toggleAll } from '../../reliability/hostile/killSwitches';

describe('the feature state in a health response', () => {
  const health = {
    status: 'ready',
    dependencies: {},
    features: { driver_offers: { state: 'OFF', rolloutPercent: 100, cities: null } },
  };

  test('is read', () => {
    expect(stateIn(health, 'driver_offers')).toBe('OFF');
  });

  test.each<[string, unknown]>([
    ['another feature', { features: {} }],
    ['no features', { status: 'live' }],
    ['nothing', null],
  ])('%s: it is undefined', (_, answer) => {
    expect(stateIn(answer, 'driver_offers')).toBeUndefined();
  });
});

const unasked = (): Promise<never> => Promise.reject(new Error('nobody asks for this here'));

test('a failed drill reports why, and every switch is restored', async () => {
  const put: [string, boolean][] = [];
  const client: SupportClient = {
    unresolved: unasked,
    acknowledge: unasked,
    delivery: unasked,
    driver: unasked,
    availableDrivers: unasked,
    backlog: unasked,
    assign: unasked,
    handOver: unasked,
    raisePay: unasked,
    resumeSearch: unasked,
    rescue: unasked,
    fail: unasked,
    putFeature: async (name, enabled) => {
      put.push([name, enabled]);
      return enabled
        ? { ok: true }
        : { ok: false, status: 409, code: 'FEATURE_KILLED', detail: 'the environment killed it' };
    },
  };
  const inspection = { pool: new Pool(), liveOffers: async () => 1, isOnMap: async () => false };
  const desk = {
    caseFirstSeenAt: () => undefined,
    hasAssigned: () => false,
    assignNearest: async () => false,
  };
  const orders = {
    placedCount: 10,
    hurry: () => undefined,
    placeFar: async () => ({ deliveryId: 'd', sellerOrderId: 'x', sentAt: 0 }),
  };
  const stop = AbortSignal.abort(); // nobody is waited for
  const reports = await toggleAll({
    client,
    inspection,
    orders,
    drivers: [],
    healthUrls: [],
    desk,
    log: () => undefined,
    signal: stop,
  });
  expect(reports.map(({ feature, offSeconds }) => [feature, offSeconds])).toEqual([
    ['driver_offers', null],
    ['availability_states', null],
    ['escalation', null],
    ['auto_reassignment', null],
    ['batch_matching', null],
  ]);
  expect(reports[0]?.problems.join()).toContain('FEATURE_KILLED');
  expect(put.filter(([name]) => name === 'driver_offers')).toEqual([
    ['driver_offers', false],
    ['driver_offers', true],
  ]);
});

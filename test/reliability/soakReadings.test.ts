import { describe, expect, test } from '@jest/globals';
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { kindOf } from '../../reliability/soak/keys';
import { metricsOf } from '../../simulator/kit/metricsText';
import { resourceUsageOf, listenerOn } from '../../simulator/kit/processTable';
import { boundOf, judgeAll, unreleased, ORDERS } from '../../reliability/soak/resources';
import type { Sample } from '../../reliability/soak/sample';

describe('metrics', () => {
  const metrics = metricsOf(
    [
      '# HELP sockets Open sockets',
      '# TYPE sockets gauge',
      'sockets{role="driver"} 3',
      'sockets{role="ops",city="a \\"b\\", c"} 4',
      'heap_bytes 1.5e6',
      'silent NaN',
      '',
    ].join('\n'),
  );

  test('are summed over labels that are not selected', () => {
    expect(metrics.sum('sockets')).toBe(7);
    expect(metrics.sum('sockets', { role: 'ops' })).toBe(4);
    expect(metrics.sum('sockets', { city: 'a "b", c' })).toBe(4);
    expect(metrics.sum('heap_bytes')).toBe(1_500_000);
    expect(metrics.count).toBe(4);
  });

  test('that are missing are not 0', () => {
    expect(metrics.sum('sockets', { role: 'merchant' })).toBeUndefined();
    expect(metrics.sum('heap')).toBeUndefined();
  });
});

describe('keys in Redis', () => {
  test.each([
    ['driver:6f1d', 'driver'],
    ['drivers:geo:busy:amsterdam', 'drivers'],
    ['limit:ops:ops:olga', 'limit.ops'],
    ['limit:bad-token:127.0.0.1', 'limit.bad-token'],
    ['positions', 'positions'],
  ])('%s is of kind %s', (key, kind) => expect(kindOf(key)).toBe(kind));
});

describe('the process table', () => {
  test('finds the process that listens on a port, and its open files', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const here = listenerOn(port);
    server.close();
    await once(server, 'close');
    if (process.platform !== 'linux') return expect(here).toBeUndefined();
    expect(here?.pid).toBe(process.pid);
    const holding = here && resourceUsageOf(here);
    expect(holding?.memoryMb).toBeGreaterThan(10);
    expect(holding?.privateMb).toBeGreaterThan(10);
    expect(holding?.files).toBeGreaterThan(3);
    expect(holding?.threads).toBeGreaterThan(1);
    expect(holding?.cpuS).toBeGreaterThan(0);
    expect(here && resourceUsageOf({ ...here, startedAt: here.startedAt + 1 })).toBeUndefined();
    expect(listenerOn(port)).toBeUndefined();
  });
});

describe('a run', () => {
  const run = (valuesAt: (at: number) => Record<string, number>): Sample[] =>
    Array.from({ length: 180 }, (_, index) => ({
      at: index * 10,
      values: { [ORDERS]: index * 10, ...valuesAt(index * 10) },
    }));
  const leaksOf = (samples: Sample[]): string[] =>
    [...judgeAll(samples, 300)].flatMap(([name, { verdict }]) => (verdict === 'leaks' ? [name] : []));
  const WELL = (at: number): Record<string, number> => ({
    'worker.heapAfterGcMb': 60 + Math.min(at, 200) / 20,
    'api.timers': 200 + 9 * Math.sin(at),
    'db.rows.audit_entries': 21 * at,
    'db.outbox.unsent': at % 3,
    'redis.keys.driver': 60,
    'temporal.memoryMb': 100 + at,
  });

  test('with level resources has no leak', () => {
    expect(leaksOf(run(WELL))).toEqual([]);
  });

  test.each([
    ['timers', { 'api.timers': 1 / 30 }],
    ['a heap', { 'worker.heapAfterGcMb': 1 / 100 }],
    ['unsent messages', { 'db.outbox.unsent': 1 / 30 }],
    ['keys', { 'redis.keys.driver': 1 / 120 }],
    ['connections', { 'db.connections.api': 1 / 60 }],
    ['files', { 'worker.files': 1 / 60 }],
    ['workflows', { 'temporal.running.deliveries': 1 / 30 }],
  ])('reports a leak of %s', (_what, perSecond) => {
    const [[name, rise] = ['', 0]] = Object.entries(perSecond);
    expect(leaksOf(run((at) => ({ ...WELL(at), [name]: (WELL(at)[name] ?? 10) + rise * at })))).toEqual([
      name,
    ]);
  });

  test('reports rising writes per delivery', () => {
    expect(
      leaksOf(run((at) => ({ ...WELL(at), 'db.rows.audit_entries': 21 * at + (at * at) / 100 }))),
    ).toEqual(['db.rows.audit_entries']);
  });

  test('sets no bound for unknown resources', () => {
    expect(boundOf('temporal.memoryMb').kind).toBe('shown');
    expect(boundOf('load.orders').kind).toBe('shown');
  });

  test('ends when all resources are released', () => {
    const before: Sample = {
      at: -3,
      values: { 'api.sockets': 0, 'api.timers': 40, 'db.outbox.unsent': 0, 'worker.heapMb': 60 },
    };
    expect(
      unreleased(before, {
        at: 60,
        values: { 'api.sockets': 0, 'api.timers': 45, 'db.outbox.unsent': 0, 'worker.heapMb': 90 },
      }),
    ).toEqual([]);
    expect(
      unreleased(before, { at: 60, values: { 'api.sockets': 1, 'api.timers': 99, 'db.outbox.unsent': 0 } }),
    ).toEqual([
      'api.sockets was not released after the load: 1 left, 0 before it',
      'api.timers was not released after the load: 99 left, 40 before it',
    ]);
  });
});

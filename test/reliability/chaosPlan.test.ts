import { describe, expect, test } from '@jest/globals';
import { lengthOf, nameOf, type PlannedFault, planOf, wordsOf } from '../../reliability/chaos/plan';

const SEEDS = Array.from({ length: 30 }, (_, index) => String(index + 1));
const five = (seed: string, burst: number | null = null): PlannedFault[] =>
  planOf({ seed, seconds: 300, burst });
const bursts = (plan: readonly PlannedFault[]): PlannedFault[] =>
  plan.filter(({ fault }) => fault.kind === 'burst');

function serverOf({ fault }: PlannedFault): string | null {
  if ('server' in fault) return fault.server;
  if (fault.kind === 'restartEmpty' || fault.kind === 'flush') return 'redis';
  if (fault.kind === 'skewTemporal') return 'temporal';
  return fault.kind === 'backup' ? 'postgres' : null;
}

describe('the plan of a seed', () => {
  test('is deterministic, and differs from that of another seed', () => {
    for (const seed of SEEDS) expect(five(seed)).toEqual(five(seed));
    expect(new Set(SEEDS.map((seed) => JSON.stringify(five(seed)))).size).toBe(SEEDS.length);
  });

  test('never changes between releases, since reports name seeds', () => {
    expect(five('1').slice(0, 7).map(wordsOf)).toEqual([
      '   9.2 s  kill worker (worker-1) for 0.7 s',
      '   9.7 s  refuse temporal (worker-1, worker-2, api-1, api-2) for 6.4 s',
      '  15.0 s  read-only redis for 4.3 s',
      '  17.0 s  kill api (api-1) for 2.5 s',
      '  25.6 s  stall temporal (worker-1, worker-2, api-1, api-2) for 5.3 s',
      '  29.3 s  restart temporal for 1.7 s',
      '  30.7 s  delay clients (all) by 126 ms for 7.0 s',
    ]);
  });

  test('has faults in order, each within the run', () => {
    for (const plan of SEEDS.map((seed) => five(seed))) {
      expect(plan.map(({ atMs }) => atMs)).toEqual(plan.map(({ atMs }) => atMs).sort((a, b) => a - b));
      for (const { atMs, fault } of plan) expect(atMs + lengthOf(fault)).toBeLessThanOrEqual(300_000);
    }
  });

  test('has sequential and overlapping faults, about thirty in five minutes', () => {
    for (const plan of SEEDS.map((seed) => five(seed))) {
      expect(plan.length).toBeGreaterThan(25);
      expect(
        plan.some(
          ({ atMs, fault }, at) => plan[at + 1] !== undefined && plan[at + 1]!.atMs < atMs + lengthOf(fault),
        ),
      ).toBe(true);
    }
  });

  test('never hits the same target twice at once: a killed process is not frozen as well', () => {
    for (const plan of SEEDS.map((seed) => five(seed))) {
      const members = plan.flatMap(({ atMs, fault }) =>
        'member' in fault ? [{ atMs, untilMs: atMs + lengthOf(fault), member: fault.member }] : [],
      );
      for (const [at, one] of members.entries()) {
        for (const other of members.slice(at + 1))
          if (one.member === other.member) expect(other.atMs).toBeGreaterThan(one.untilMs);
      }
    }
  });

  test('has nearly every kind of fault in five minutes, and all of them in thirty seeds', () => {
    const all = new Set(SEEDS.flatMap((seed) => five(seed).map(({ fault }) => nameOf(fault))));
    for (const link of ['postgres', 'redis', 'temporal', 'clients'])
      for (const kind of ['cut', 'refuse', 'stall', 'delay']) expect(all).toContain(`${kind} ${link}`);
    for (const name of [
      'kill worker',
      'kill api',
      'freeze worker',
      'freeze api',
      'flush redis',
      'restart redis empty',
      'restart postgres',
      'kill postgres',
      'restart redis',
      'kill redis',
      'restart temporal',
      'kill temporal',
      'read-only postgres',
      'read-only redis',
      'skew temporal',
    ]) {
      expect(all).toContain(name);
    }
    for (const seed of SEEDS)
      expect(new Set(five(seed).map(({ fault }) => fault.kind)).size).toBeGreaterThanOrEqual(8);
  });

  test('never touches a server that is already stopped, killed, read-only or off in its clock', () => {
    for (const plan of SEEDS.map((seed) => five(seed))) {
      const onServers = plan.flatMap((planned) => {
        const server = serverOf(planned);
        return server === null
          ? []
          : [{ server, atMs: planned.atMs, untilMs: planned.atMs + lengthOf(planned.fault) }];
      });
      for (const [at, one] of onServers.entries())
        for (const other of onServers.slice(at + 1))
          if (one.server === other.server) expect(other.atMs).toBeGreaterThan(one.untilMs);
    }
  });

  test('has each kind of server that is up but wrong, in nearly every five minutes', () => {
    const wrong = ['read-only postgres', 'read-only redis', 'skew temporal'];
    const whole = SEEDS.filter((seed) => {
      const names = five(seed).map(({ fault }) => nameOf(fault));
      return wrong.every((name) => names.includes(name));
    });
    expect(whole.length).toBeGreaterThanOrEqual(27);
  });

  test('backs up PostgreSQL a minute before its end, in a run of two minutes or more', () => {
    for (const seed of SEEDS)
      expect(
        five(seed)
          .filter(({ fault }) => fault.kind === 'backup')
          .map(({ atMs }) => atMs),
      ).toEqual([240_000]);
    expect(
      planOf({ seed: '1', seconds: 119, burst: null }).some(({ fault }) => fault.kind === 'backup'),
    ).toBe(false);
  });

  test('has a burst on request, and for some seeds by default, with the same other faults', () => {
    expect(bursts(five('3', 100))).toMatchObject([{ fault: { kind: 'burst', orders: 100 } }]);
    expect(bursts(five('3', 0))).toEqual([]);
    const drawn = SEEDS.filter((seed) => bursts(five(seed)).length > 0);
    expect(drawn.length).toBeGreaterThan(2);
    expect(drawn.length).toBeLessThan(15);
    expect(five('3', 100).filter(({ fault }) => fault.kind !== 'burst')).toEqual(
      five('3').filter(({ fault }) => fault.kind !== 'burst'),
    );
  });
});

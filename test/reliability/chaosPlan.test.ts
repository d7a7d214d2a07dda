import { describe, expect, test } from '@jest/globals';
import { drawnMatchingPercent } from '../../reliability/chaos/matchingPlan';
import { lengthOf, nameOf, type PlannedFault, planOf, wordsOf } from '../../reliability/chaos/plan';
import { randomFrom } from '../../simulator/kit/random';

const SEEDS = Array.from({ length: 30 }, (_, index) => String(index + 1));
const five = (seed: string, burst: number | null = null): PlannedFault[] =>
  planOf({ seed, seconds: 300, burst, matchingPercent: 0 });
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
      planOf({ seed: '1', seconds: 119, burst: null, matchingPercent: 0 }).some(
        ({ fault }) => fault.kind === 'backup',
      ),
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

describe('the plan with matching on', () => {
  const matched = (seed: string, matchingPercent = 100): PlannedFault[] =>
    planOf({ seed, seconds: 300, burst: null, matchingPercent });

  test('keeps all faults of the plan without, but for a few that meet its own', () => {
    for (const seed of SEEDS) {
      const lines = new Set(matched(seed).map(wordsOf));
      expect(five(seed).filter((fault) => !lines.has(wordsOf(fault)))).toEqual([]);
    }
  });

  test('has each fault of matching in thirty seeds, and most in each', () => {
    const own = [
      'terminate owner',
      'cancel owner',
      'delete owner',
      'hang rounds',
      'freeze in a round',
    ].concat(['lock the city', 'switch matching off', 'set matching']);
    const ofSeeds = SEEDS.map((seed) => {
      const names = new Set(matched(seed).map(({ fault }) => nameOf(fault)));
      return own.filter((name) => names.has(name));
    });
    expect(new Set(ofSeeds.flat())).toEqual(new Set(own));
    for (const names of ofSeeds) expect(names.length).toBeGreaterThanOrEqual(5);
  });

  test('freezes no worker in a round that another fault has', () => {
    for (const seed of SEEDS)
      for (const { atMs, fault } of matched(seed).filter((each) => each.fault.kind === 'freezeRound'))
        for (const other of matched(seed))
          if ('member' in other.fault && other.fault.member.startsWith('worker'))
            expect(other.atMs >= atMs + lengthOf(fault) || other.atMs + lengthOf(other.fault) <= atMs).toBe(
              true,
            );
  });

  test('sets the percent back to what it was', () => {
    for (const seed of SEEDS)
      for (const { fault } of matched(seed, 50))
        if (fault.kind === 'setMatching') {
          expect(fault.backTo).toBe(50);
          expect([0, 100]).toContain(fault.percent);
        }
  });
});

test('matching is off for some seeds, and on for half or all deliveries of others', () => {
  const drawn = SEEDS.map((seed) => drawnMatchingPercent(randomFrom(`${seed}/matching`)));
  for (const percent of [0, 50, 100])
    expect(drawn.filter((each) => each === percent).length).toBeGreaterThan(5);
});

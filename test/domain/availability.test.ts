import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  AVAILABILITIES,
  AVAILABILITY_LIMITS as LIMITS,
  AVAILABILITY_TRANSITIONS,
  canChange,
  carryingOf,
  decideAvailability,
  isFresh,
  takesWork,
  unreachableAvailabilities,
  v1Availability,
  type Availability,
  type AvailabilityChange,
  type AvailabilityDecision,
  type AvailabilityRequest,
  type DriverFacts,
  type PendingAvailability,
} from '../../domain/driver/availability';

const NOW = 1_700_000_000_000;
const MINUTE = 60_000;
const ON = { availabilityStates: true };
const OFF = { availabilityStates: false };

const driver = (given: Partial<DriverFacts> = {}): DriverFacts => ({
  driverId: 'd1',
  cityId: 'berlin',
  availability: 'AVAILABLE',
  availabilityUntil: null,
  availabilityReason: null,
  pending: null,
  capacity: 1,
  liveOffers: 0,
  activeAssignments: 0,
  offerVersion: 2,
  shiftEndsAt: null,
  lastFixAt: NOW - 5_000,
  nextSlots: 0,
  lapsesInRow: 0,
  ...given,
});
const busy = (given: Partial<DriverFacts> = {}): DriverFacts =>
  driver({ availability: 'BUSY', activeAssignments: 1, ...given });
const onBreak = (given: Partial<DriverFacts> = {}): DriverFacts =>
  driver({ availability: 'ON_BREAK', availabilityUntil: NOW, availabilityReason: 'lunch', ...given });

const decide = (facts: DriverFacts, request: AvailabilityRequest, features = ON): AvailabilityDecision =>
  decideAvailability(facts, request, LIMITS, features, NOW);

/** The expected change. */
function changed(facts: DriverFacts, request: AvailabilityRequest, features = ON): AvailabilityChange {
  const decision = decide(facts, request, features);
  if (decision.kind !== 'changed') throw new Error(`not changed: ${JSON.stringify(decision)}`);
  return decision;
}

const REQUESTS = {
  available: { kind: 'set', availability: 'AVAILABLE', carrying: 'NOTHING' },
  offline: { kind: 'set', availability: 'OFFLINE', carrying: 'NOTHING' },
  shiftStart: { kind: 'shiftStart', shiftEndsAt: null },
  shiftEnd: { kind: 'shiftEnd', carrying: 'NOTHING' },
  break: { kind: 'breakStart', minutes: 30, reason: 'lunch' },
  breakEnd: { kind: 'breakEnd' },
  pause: { kind: 'pause', minutes: null, reason: null },
  resume: { kind: 'resume' },
  workBegins: { kind: 'workBegins', origin: 'OFFER' },
  workEnds: { kind: 'workEnds' },
  statesKilled: { kind: 'statesKilled' },
} as const satisfies Record<string, AvailabilityRequest>;

const BREAK: PendingAvailability = { kind: 'BREAK', minutes: 30, reason: 'lunch' };

// ---- arbitrary drivers and requests: every state a row may be in ----

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const reason = maybe(fc.constantFrom('lunch', 'fuel'));
const pending = maybe(
  fc.oneof(
    fc.record({ kind: fc.constant('BREAK' as const), minutes: fc.integer({ min: 5, max: 120 }), reason }),
    fc.record({
      kind: fc.constant('PAUSE' as const),
      minutes: maybe(fc.integer({ min: 1, max: 480 })),
      reason,
    }),
    fc.constant({ kind: 'SHIFT_END' as const }),
    fc.constant({ kind: 'OFFLINE' as const }),
  ),
);
const until = maybe(fc.constantFrom(NOW - MINUTE, NOW, NOW + 30 * MINUTE));

const anyDriver: fc.Arbitrary<DriverFacts> = fc
  .record({
    availability: fc.constantFrom(...AVAILABILITIES),
    pending,
    until,
    reason,
    capacity: fc.integer({ min: 1, max: 3 }),
    liveOffers: fc.nat(1),
    activeAssignments: fc.nat(2),
    shiftEndsAt: maybe(fc.constantFrom(NOW - MINUTE, NOW + 60 * MINUTE)),
    lastFixAt: maybe(fc.constantFrom(NOW, NOW - 61_000, NOW - 10 * MINUTE)),
  })
  .map(({ until: ends, reason: words, pending: wish, availability, ...rest }) => {
    const timed = availability === 'ON_BREAK' || availability === 'PAUSED';
    return driver({
      ...rest,
      availability,
      availabilityUntil: timed ? ends : null,
      availabilityReason: timed ? words : null,
      pending: availability === 'BUSY' ? wish : null,
    });
  });

const carrying = fc.constantFrom(
  'NOTHING' as const,
  'BEFORE_PICKUP' as const,
  'AFTER_PICKUP' as const,
  'BOTH' as const,
);
const anyRequest: fc.Arbitrary<AvailabilityRequest> = fc.oneof(
  fc.record({
    kind: fc.constant('shiftStart' as const),
    shiftEndsAt: maybe(fc.constantFrom(NOW, NOW + 1, NOW + 60 * MINUTE)),
  }),
  fc.record({ kind: fc.constant('shiftEnd' as const), carrying }),
  fc.record({
    kind: fc.constant('breakStart' as const),
    minutes: fc.constantFrom(4, 5, 30, 120, 121, 7.5),
    reason,
  }),
  fc.record({ kind: fc.constant('pause' as const), minutes: maybe(fc.constantFrom(0, 1, 480, 481)), reason }),
  fc.record({
    kind: fc.constant('set' as const),
    availability: fc.constantFrom('AVAILABLE' as const, 'OFFLINE' as const),
    carrying,
  }),
  fc.record({ kind: fc.constant('silence' as const), silentSince: fc.constantFrom(NOW, NOW - 10 * MINUTE) }),
  fc.record({
    kind: fc.constant('timedEnd' as const),
    state: fc.constantFrom('ON_BREAK' as const, 'PAUSED' as const),
    until: fc.constantFrom(NOW - MINUTE, NOW),
  }),
  fc.record({
    kind: fc.constant('workBegins' as const),
    origin: fc.constantFrom(
      'OFFER' as const,
      'DIRECT' as const,
      'BY_HAND' as const,
      'BY_HAND_OVERRIDE' as const,
    ),
  }),
  fc.constantFrom<AvailabilityRequest>(
    { kind: 'breakEnd' },
    { kind: 'resume' },
    { kind: 'workEnds' },
    { kind: 'statesKilled' },
  ),
);
const features = fc.constantFrom(ON, OFF);

/** Checks a property of every change that any request can make to any driver. */
function everyChange(
  check: (change: AvailabilityChange, before: DriverFacts, request: AvailabilityRequest, on: boolean) => void,
): void {
  fc.assert(
    fc.property(anyDriver, anyRequest, features, (facts, request, flags) => {
      const decision = decide(facts, request, flags);
      if (decision.kind === 'changed') check(decision, facts, request, flags.availabilityStates);
    }),
    { numRuns: 3_000 },
  );
}

describe('the availability transitions', () => {
  it('reach every state from OFFLINE', () => {
    expect(unreachableAvailabilities()).toEqual([]);
  });

  it('lead out of every state', () => {
    for (const state of AVAILABILITIES)
      expect(AVAILABILITY_TRANSITIONS.some(({ from }) => from === state)).toBe(true);
  });

  it('list each change once, with its allowed actors', () => {
    const names = AVAILABILITY_TRANSITIONS.map(({ from, to }) => `${from} > ${to}`);
    expect(new Set(names).size).toBe(names.length);
    expect(AVAILABILITY_TRANSITIONS.filter(({ by, from, to }) => by.length === 0 || from === to)).toEqual([]);
  });

  it('let only the system and ops make an available driver busy', () => {
    const toBusy = AVAILABILITY_TRANSITIONS.filter(({ from, to }) => from === 'AVAILABLE' && to === 'BUSY');
    expect(toBusy.flatMap(({ by }) => by)).toEqual(['system', 'ops']);
  });

  it('include every change that a rule makes', () => {
    everyChange(({ from, to }) => expect(from === to || canChange(from, to)).toBe(true));
  });

  it('include no change that no rule makes', () => {
    const seen = new Set<string>();
    for (const sample of fc.sample(fc.tuple(anyDriver, anyRequest, features), { numRuns: 60_000, seed: 7 })) {
      const decision = decideAvailability(sample[0], sample[1], LIMITS, sample[2], NOW);
      if (decision.kind === 'changed' && decision.from !== decision.to)
        seen.add(`${decision.from} > ${decision.to}`);
    }
    expect([...seen].sort()).toEqual(
      AVAILABILITY_TRANSITIONS.map(({ from, to }) => `${from} > ${to}`).sort(),
    );
  });
});

describe('every change', () => {
  it('is idempotent', () => {
    everyChange(({ next }, before, request, on) => {
      const again = decide(next, request, on ? ON : OFF);
      expect(again.kind).not.toBe('changed');
    });
  });

  it('changes no counters and no other driver', () => {
    everyChange(({ next }, before) => {
      const { driverId, cityId, capacity, liveOffers, activeAssignments, offerVersion, lastFixAt } = before;
      expect(next).toMatchObject({
        driverId,
        cityId,
        capacity,
        liveOffers,
        activeAssignments,
        offerVersion,
        lastFixAt,
      });
    });
  });

  it('leaves pending changes only to busy drivers and end times only to timed states', () => {
    everyChange(({ next, timer }) => {
      if (next.availability !== 'BUSY') expect(next.pending).toBeNull();
      if (next.availability !== 'ON_BREAK' && next.availability !== 'PAUSED')
        expect(next.availabilityUntil).toBeNull();
      expect(timer?.until ?? null).toBe(next.availabilityUntil);
    });
  });

  it('wakes deliveries only for a driver who can take work', () => {
    everyChange(({ next, wakes }) => {
      if (wakes) expect(takesWork(next)).toBe(true);
    });
  });

  it('withdraws live offers from a driver who leaves AVAILABLE, goes off duty or plans to leave', () => {
    everyChange(({ next, from, to, withdrawsOffers }, before) => {
      const rests = to !== 'AVAILABLE' && to !== 'BUSY';
      const leaves =
        (from === 'AVAILABLE' && to !== 'AVAILABLE') || (from === 'BUSY' && rests) || next.pending !== null;
      expect(withdrawsOffers).toBe(leaves && before.liveOffers > 0);
    });
  });

  it('takes work before pickup only from drivers who go off duty', () => {
    everyChange(({ next, losesWork }, before, request) => {
      const inHand =
        'carrying' in request && (request.carrying === 'BEFORE_PICKUP' || request.carrying === 'BOTH');
      const leaves =
        next.availability === 'OFFLINE' || next.availability === 'SHIFT_ENDED' || next.pending !== null;
      expect(losesWork).toBe(inHand && leaves);
    });
  });

  it('keeps drivers without the feature to AVAILABLE, BUSY and OFFLINE', () => {
    everyChange(({ from, to, next }, before, request, on) => {
      if (on || from === to) return;
      expect(['AVAILABLE', 'BUSY', 'OFFLINE']).toContain(next.availability);
    });
  });
});

describe('coming on duty', () => {
  it('makes an offline driver available and wakes a waiting delivery', () => {
    expect(changed(driver({ availability: 'OFFLINE' }), REQUESTS.available)).toMatchObject({
      from: 'OFFLINE',
      to: 'AVAILABLE',
      why: 'CAME_ONLINE',
      wakes: true,
    });
    expect(changed(driver({ availability: 'SHIFT_ENDED' }), REQUESTS.shiftStart)).toMatchObject({
      to: 'AVAILABLE',
      why: 'SHIFT_STARTED',
      wakes: true,
    });
  });

  it('returns to current work that was not yet taken away', () => {
    expect(
      changed(driver({ availability: 'OFFLINE', activeAssignments: 1 }), REQUESTS.available),
    ).toMatchObject({ to: 'BUSY', wakes: false });
  });

  it('keeps the planned end of the shift and drops one in the past', () => {
    const end = NOW + 60 * MINUTE;
    const start = (planned: number | null, shiftEndsAt: number | null) =>
      changed(driver({ availability: 'OFFLINE', shiftEndsAt: planned }), { kind: 'shiftStart', shiftEndsAt })
        .next.shiftEndsAt;
    expect([start(end, null), start(NOW - 1, null), start(null, end), start(end, end + 1)]).toEqual([
      end,
      null,
      end,
      end + 1,
    ]);
  });

  it('refuses a shift that ends in the past', () => {
    expect(
      decide(driver({ availability: 'OFFLINE' }), { kind: 'shiftStart', shiftEndsAt: NOW }),
    ).toMatchObject({ kind: 'refused', code: 'INVALID_SHIFT_END' });
  });

  it('moves the end of a running shift without ending a break', () => {
    const shiftEndsAt = NOW + 90 * MINUTE;
    expect(changed(onBreak(), { kind: 'shiftStart', shiftEndsAt })).toMatchObject({
      from: 'ON_BREAK',
      to: 'ON_BREAK',
      next: { shiftEndsAt },
    });
    expect(decide(onBreak(), REQUESTS.shiftStart)).toEqual({ kind: 'unchanged' });
  });
});

describe('going off duty', () => {
  it('withdraws the live offer', () => {
    for (const request of [REQUESTS.offline, REQUESTS.shiftEnd, REQUESTS.break, REQUESTS.pause]) {
      expect(changed(driver({ liveOffers: 1 }), request)).toMatchObject({
        withdrawsOffers: true,
        losesWork: false,
      });
    }
  });

  it.each(['shiftEnd', 'set'] as const)('takes work before pickup away at once (%s)', (kind) => {
    const request: AvailabilityRequest =
      kind === 'set'
        ? { kind, availability: 'OFFLINE', carrying: 'BEFORE_PICKUP' }
        : { kind, carrying: 'BEFORE_PICKUP' };
    expect(changed(busy(), request)).toMatchObject({
      from: 'BUSY',
      to: kind === 'set' ? 'OFFLINE' : 'SHIFT_ENDED',
      losesWork: true,
    });
  });

  it.each(['shiftEnd', 'set'] as const)('waits for the dropoff after pickup (%s)', (kind) => {
    const request: AvailabilityRequest =
      kind === 'set'
        ? { kind, availability: 'OFFLINE', carrying: 'AFTER_PICKUP' }
        : { kind, carrying: 'AFTER_PICKUP' };
    const { next, ...change } = changed(busy(), request);
    expect(change).toMatchObject({ to: 'BUSY', why: 'WORK_TO_FINISH_FIRST', losesWork: false });
    expect(changed({ ...next, activeAssignments: 0 }, REQUESTS.workEnds)).toMatchObject({
      to: kind === 'set' ? 'OFFLINE' : 'SHIFT_ENDED',
      wakes: false,
    });
  });

  it('with two jobs takes away the one before pickup and finishes the other', () => {
    const change = changed(busy({ capacity: 3, activeAssignments: 2 }), {
      kind: 'shiftEnd',
      carrying: 'BOTH',
    });
    expect(change).toMatchObject({ to: 'BUSY', losesWork: true, next: { pending: { kind: 'SHIFT_END' } } });
  });

  it('clears the planned end of the shift', () => {
    expect(changed(driver({ shiftEndsAt: NOW + MINUTE }), REQUESTS.shiftEnd).next.shiftEndsAt).toBeNull();
  });
});

describe('a break', () => {
  it('begins at once, with an end time and a timer', () => {
    const { next, timer } = changed(driver(), REQUESTS.break);
    expect(next).toMatchObject({
      availability: 'ON_BREAK',
      availabilityUntil: NOW + 30 * MINUTE,
      availabilityReason: 'lunch',
    });
    expect(timer).toEqual({ state: 'ON_BREAK', until: NOW + 30 * MINUTE });
  });

  it.each([4, 121, 7.5, NaN, -30])('of %d minutes is refused', (minutes) => {
    expect(decide(driver(), { kind: 'breakStart', minutes, reason: null })).toMatchObject({
      kind: 'refused',
      code: 'INVALID_DURATION',
    });
  });

  it.each([5, 120])('of %d minutes is granted', (minutes) => {
    expect(changed(driver(), { kind: 'breakStart', minutes, reason: null }).to).toBe('ON_BREAK');
  });

  it('requested during work bars new jobs and begins after the work, at full length', () => {
    const { next, ...change } = changed(busy({ capacity: 2, liveOffers: 1 }), REQUESTS.break);
    expect(change).toMatchObject({ to: 'BUSY', withdrawsOffers: true, losesWork: false, timer: null });
    expect(takesWork(next)).toBe(false);
    const later = decideAvailability(
      { ...next, liveOffers: 0, activeAssignments: 0 },
      REQUESTS.workEnds,
      LIMITS,
      ON,
      NOW + 20 * MINUTE,
    );
    expect(later).toMatchObject({
      to: 'ON_BREAK',
      why: 'BREAK_STARTED',
      timer: { state: 'ON_BREAK', until: NOW + 50 * MINUTE },
      next: { pending: null },
    });
  });

  it('waits for the last of several jobs', () => {
    expect(decide(busy({ capacity: 2, pending: BREAK }), REQUESTS.workEnds)).toEqual({ kind: 'unchanged' });
  });

  it('is refused for drivers off duty', () => {
    for (const availability of ['OFFLINE', 'SHIFT_ENDED'] as const) {
      expect(decide(driver({ availability }), REQUESTS.break)).toMatchObject({ code: 'DRIVER_OFF_DUTY' });
      expect(decide(driver({ availability }), REQUESTS.breakEnd)).toMatchObject({ code: 'DRIVER_OFF_DUTY' });
    }
  });

  it('ends early on the driver’s request and wakes a waiting delivery', () => {
    expect(changed(onBreak(), REQUESTS.breakEnd)).toMatchObject({
      to: 'AVAILABLE',
      why: 'BREAK_ENDED',
      wakes: true,
      timer: null,
    });
    expect(decide(driver(), REQUESTS.breakEnd)).toEqual({ kind: 'unchanged' });
    expect(decide(driver({ availability: 'PAUSED' }), REQUESTS.breakEnd)).toMatchObject({
      code: 'NOT_ON_BREAK',
    });
  });

  it('that is pending is withdrawn by its end, by resuming or coming online, but not by the end of a pause', () => {
    const withdrawn = { from: 'BUSY', to: 'BUSY', why: 'CHANGE_WITHDRAWN', next: { pending: null } };
    expect(changed(busy({ pending: BREAK }), REQUESTS.breakEnd)).toMatchObject(withdrawn);
    expect(changed(busy({ pending: BREAK }), REQUESTS.available)).toMatchObject(withdrawn);
    expect(decide(busy({ pending: BREAK }), REQUESTS.resume)).toEqual({ kind: 'unchanged' });
  });

  it('that is pending is replaced by a later request', () => {
    expect(
      changed(busy({ pending: BREAK }), { kind: 'breakStart', minutes: 45, reason: 'lunch' }).next.pending,
    ).toEqual({ ...BREAK, minutes: 45 });
    expect(changed(busy({ pending: BREAK }), { ...REQUESTS.break, reason: 'fuel' }).next.pending).toEqual({
      ...BREAK,
      reason: 'fuel',
    });
    expect(
      changed(busy({ pending: BREAK }), { kind: 'shiftEnd', carrying: 'AFTER_PICKUP' }).next.pending,
    ).toEqual({ kind: 'SHIFT_END' });
  });
});

describe('a pause', () => {
  it('has no end, or the requested one', () => {
    expect(changed(driver(), REQUESTS.pause)).toMatchObject({ to: 'PAUSED', timer: null });
    expect(changed(driver(), { kind: 'pause', minutes: 10, reason: 'fuel' })).toMatchObject({
      timer: { state: 'PAUSED', until: NOW + 10 * MINUTE },
    });
    expect(decide(driver(), { kind: 'pause', minutes: 481, reason: null })).toMatchObject({
      code: 'INVALID_DURATION',
    });
  });

  it('ends when its driver resumes; a break does not', () => {
    expect(changed(driver({ availability: 'PAUSED' }), REQUESTS.resume)).toMatchObject({
      to: 'AVAILABLE',
      why: 'RESUMED',
      wakes: true,
    });
    expect(decide(onBreak(), REQUESTS.resume)).toMatchObject({ code: 'NOT_PAUSED' });
  });

  it('can change to a break and back', () => {
    expect(changed(driver({ availability: 'PAUSED' }), REQUESTS.break).to).toBe('ON_BREAK');
    expect(changed(onBreak(), REQUESTS.pause)).toMatchObject({ to: 'PAUSED', timer: null });
  });
});

describe('the end of a timed state', () => {
  const rings: AvailabilityRequest = { kind: 'timedEnd', state: 'ON_BREAK', until: NOW };

  it('makes a driver with a fresh position available, and any other offline', () => {
    expect(changed(onBreak(), rings)).toMatchObject({ to: 'AVAILABLE', why: 'TIME_UP', wakes: true });
    expect(changed(onBreak({ lastFixAt: NOW - 60_001 }), rings)).toMatchObject({
      to: 'OFFLINE',
      wakes: false,
    });
    expect(changed(onBreak({ lastFixAt: null }), rings).to).toBe('OFFLINE');
  });

  it('is ignored for a state that was left, or entered anew with another end', () => {
    expect(decide(driver(), rings)).toEqual({ kind: 'unchanged' });
    expect(decide(onBreak({ availabilityUntil: NOW + MINUTE }), rings)).toEqual({ kind: 'unchanged' });
    expect(decide(driver({ availability: 'PAUSED', availabilityUntil: NOW }), rings)).toEqual({
      kind: 'unchanged',
    });
  });

  it('counts although our clock is a little behind the timer', () => {
    expect(decideAvailability(onBreak({ availabilityUntil: NOW }), rings, LIMITS, ON, NOW - 50).kind).toBe(
      'changed',
    );
  });

  it('returns to open work, with or without a fresh position', () => {
    expect(changed(onBreak({ activeAssignments: 1, lastFixAt: null }), rings)).toMatchObject({
      to: 'BUSY',
      wakes: false,
    });
  });

  it('restores no driver after the states were switched off', () => {
    expect(changed(onBreak(), rings, OFF).to).toBe('OFFLINE');
  });
});

describe('silence', () => {
  const heardAt = (ago: number): AvailabilityRequest => ({ kind: 'silence', silentSince: NOW - ago });

  it('of ten minutes takes an available driver offline and withdraws the live offer', () => {
    const silent = driver({ lastFixAt: NOW - 10 * MINUTE, liveOffers: 1 });
    expect(changed(silent, heardAt(10 * MINUTE))).toMatchObject({
      to: 'OFFLINE',
      why: 'SILENT',
      withdrawsOffers: true,
    });
    expect(decide(silent, heardAt(10 * MINUTE - 1))).toEqual({ kind: 'unchanged' });
  });

  it('is ended by a new position', () => {
    expect(decide(driver({ lastFixAt: NOW - 1_000 }), heardAt(10 * MINUTE))).toEqual({ kind: 'unchanged' });
  });

  it('changes no driver in another state', () => {
    for (const availability of ['BUSY', 'OFFLINE', 'ON_BREAK', 'PAUSED', 'SHIFT_ENDED'] as const) {
      expect(decide(driver({ availability, lastFixAt: null }), heardAt(60 * MINUTE))).toEqual({
        kind: 'unchanged',
      });
    }
  });
});

describe('work', () => {
  it('makes a driver busy, and available when it ends', () => {
    const { next, to } = changed(driver({ activeAssignments: 1 }), REQUESTS.workBegins);
    expect(to).toBe('BUSY');
    expect(changed({ ...next, activeAssignments: 0 }, REQUESTS.workEnds)).toMatchObject({
      to: 'AVAILABLE',
      why: 'WORK_ENDED',
      wakes: true,
    });
  });

  it('assigned by hand withdraws the live offer of another delivery', () => {
    expect(
      changed(driver({ liveOffers: 1, activeAssignments: 1 }), { kind: 'workBegins', origin: 'BY_HAND' })
        .withdrawsOffers,
    ).toBe(true);
  });

  it('ends a break only with override', () => {
    const resting = onBreak({ availabilityUntil: NOW + MINUTE, activeAssignments: 1 });
    expect(decide(resting, { kind: 'workBegins', origin: 'BY_HAND' })).toMatchObject({
      code: 'DRIVER_NOT_AVAILABLE',
    });
    expect(changed(resting, { kind: 'workBegins', origin: 'BY_HAND_OVERRIDE' })).toMatchObject({
      to: 'BUSY',
      timer: null,
      next: { availabilityReason: null },
    });
  });

  it('is never assigned to a driver off duty, or without override to one who is about to leave', () => {
    for (const availability of ['OFFLINE', 'SHIFT_ENDED'] as const) {
      expect(
        decide(driver({ availability }), { kind: 'workBegins', origin: 'BY_HAND_OVERRIDE' }),
      ).toMatchObject({ code: 'DRIVER_OFF_DUTY' });
    }
    expect(decide(busy({ pending: BREAK }), REQUESTS.workBegins)).toMatchObject({
      code: 'DRIVER_NOT_AVAILABLE',
      detail: 'the driver is BUSY with BREAK pending',
    });
  });

  it('that ends for a driver silent for ten minutes leaves them offline', () => {
    expect(
      changed(busy({ activeAssignments: 0, lastFixAt: NOW - 10 * MINUTE }), REQUESTS.workEnds),
    ).toMatchObject({ to: 'OFFLINE', wakes: false });
    expect(changed(busy({ activeAssignments: 0, lastFixAt: null }), REQUESTS.workEnds).to).toBe('AVAILABLE');
  });

  it('that ends after its driver went offline leaves them offline', () => {
    expect(decide(driver({ availability: 'OFFLINE' }), REQUESTS.workEnds)).toEqual({ kind: 'unchanged' });
  });
});

describe('without the feature', () => {
  it('breaks and pauses are refused', () => {
    for (const request of [REQUESTS.break, REQUESTS.breakEnd, REQUESTS.pause, REQUESTS.resume]) {
      expect(decide(driver(), request, OFF)).toMatchObject({
        kind: 'refused',
        code: 'FEATURE_OFF',
        detail: 'availability_states is disabled',
      });
    }
  });

  it('a shift starts as AVAILABLE and ends as OFFLINE', () => {
    expect(changed(driver({ availability: 'OFFLINE' }), REQUESTS.shiftStart, OFF).to).toBe('AVAILABLE');
    expect(changed(driver(), REQUESTS.shiftEnd, OFF).to).toBe('OFFLINE');
  });

  it.each<Availability>(['ON_BREAK', 'PAUSED', 'SHIFT_ENDED'])(
    'a driver in %s becomes OFFLINE, and stays so when it is switched on again',
    (availability) => {
      const { next, to, timer } = changed(driver({ availability }), REQUESTS.statesKilled, OFF);
      expect([to, timer]).toEqual(['OFFLINE', null]);
      expect(decide(next, REQUESTS.statesKilled, ON)).toEqual({ kind: 'unchanged' });
    },
  );

  it('AVAILABLE, BUSY and OFFLINE drivers keep their state', () => {
    for (const availability of ['AVAILABLE', 'BUSY', 'OFFLINE'] as const) {
      expect(decide(driver({ availability }), REQUESTS.statesKilled, OFF)).toEqual({ kind: 'unchanged' });
    }
  });

  it('a pending break is dropped, and a pending shift end becomes OFFLINE', () => {
    const left = (wish: PendingAvailability) =>
      changed(busy({ pending: wish }), REQUESTS.statesKilled, OFF).next.pending;
    expect([left(BREAK), left({ kind: 'SHIFT_END' })]).toEqual([null, { kind: 'OFFLINE' }]);
    expect(changed(busy({ activeAssignments: 0, pending: BREAK }), REQUESTS.workEnds, OFF).to).toBe(
      'AVAILABLE',
    );
  });

  it('a late switch-off event changes nothing once the feature is on again', () => {
    expect(decide(onBreak(), REQUESTS.statesKilled, ON)).toEqual({ kind: 'unchanged' });
  });
});

describe('derived values', () => {
  it('v1 clients see the new states as OFFLINE', () => {
    expect(AVAILABILITIES.map(v1Availability)).toEqual([
      'AVAILABLE',
      'BUSY',
      'OFFLINE',
      'OFFLINE',
      'OFFLINE',
      'OFFLINE',
    ]);
  });

  it('a position is fresh for a minute', () => {
    expect([NOW, NOW - 60_000, NOW - 60_001, null].map((at) => isFresh(at, LIMITS, NOW))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it('what a driver carries follows from the jobs before and after pickup', () => {
    expect([carryingOf(0, 0), carryingOf(1, 0), carryingOf(0, 2), carryingOf(1, 1)]).toEqual([
      'NOTHING',
      'BEFORE_PICKUP',
      'AFTER_PICKUP',
      'BOTH',
    ]);
  });
});

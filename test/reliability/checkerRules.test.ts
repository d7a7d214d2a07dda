import { describe, expect, test } from '@jest/globals';
import { ESCALATION_LIMITS } from '../../domain/delivery/escalation';
import { NEW_CLOCK } from '../../domain/delivery/unassignedClock';
import { ownNetMs } from '../../domain/matching/waiting';
import type { FeatureName, FeatureSetting } from '../../domain/features/rollout';
import { SEARCH_LIMITS } from '../../domain/matching/searchPlan';
import type { Violation, PendingViolation } from '../../reliability/checker/violation';
import { rowProblems, trailProblems } from '../../reliability/checker/deliveryRules';
import { availabilityProblems, countProblems, workWithoutDuty } from '../../reliability/checker/driverRules';
import { type MapPicture, mapViolations } from '../../reliability/checker/mapRules';
import { momentProblems } from '../../reliability/checker/momentRules';
import { promiseProblems, type ClientAnswers } from '../../reliability/checker/promiseRules';
import {
  closedViolations,
  notListed,
  openViolations,
  failingRunViolations,
  unwantedRuns,
} from '../../reliability/checker/runRules';
import type { DutyDriver, FeatureSwitch, OpenDelivery, Snapshot } from '../../reliability/checker/snapshot';
import { type WaitingSettings, waitingViolations } from '../../reliability/checker/waitingRules';
import type { RecordedDelivery, RecordedMove } from '../../simulator/kit/record';

const NOW = 1_000_000;
const wordsOf = (found: readonly Violation[]): string =>
  found
    .map(
      ({ invariant, what, deliveryId, driverId }) =>
        `${invariant} ${deliveryId ?? '-'} ${driverId ?? '-'} ${what}`,
    )
    .join('\n');

const free: DutyDriver = {
  driverId: 'a',
  cityId: 'c',
  availability: 'AVAILABLE',
  capacity: 1,
  liveOffers: 0,
  activeAssignments: 0,
  nextSlots: 0,
  hasPendingChange: false,
  version: 3,
  fixAt: NOW - 5_000,
  auditHash: 'ff',
};
const asked: DutyDriver = { ...free, driverId: 'b', liveOffers: 1 };
const busy: DutyDriver = { ...free, driverId: 'e', availability: 'BUSY', activeAssignments: 1 };
const searched: OpenDelivery = {
  deliveryId: 'd1',
  merchantId: 'm',
  sellerOrderId: 'o1',
  cityId: 'c',
  status: 'SEARCHING',
  statusSince: NOW - 60_000,
  driverId: null,
  searchAt: NOW - 60_000,
  searchAgainAt: NOW + 5_000,
  searchRound: 2,
  heldReason: null,
  clock: { accumulatedMs: 0, runningSince: NOW - 60_000 },
  escalationLevel: 0,
  escalatedAfterMs: null,
  cityEscalationMinutes: [],
  hasOpenCase: false,
  auditHash: 'aa',
};
const offered: OpenDelivery = {
  ...searched,
  deliveryId: 'd2',
  sellerOrderId: 'o2',
  status: 'OFFERED',
  searchAgainAt: null,
};
const carried: OpenDelivery = {
  ...searched,
  deliveryId: 'd3',
  sellerOrderId: 'o3',
  status: 'ASSIGNED',
  driverId: 'e',
  searchAgainAt: null,
  clock: NEW_CLOCK,
};
const offer = {
  offerId: 'o',
  deliveryId: 'd2',
  driverId: 'b',
  kind: 'SINGLE',
  tripId: null,
  tripSeat: 0,
  createdAt: NOW - 10_000,
  expiresAt: NOW + 20_000,
} as const;
const job = { assignmentId: 's', deliveryId: 'd3', driverId: 'e' };
const GOOD: Snapshot = {
  drivers: [free, asked, busy],
  offers: [offer],
  assignments: [job],
  open: [searched, offered, carried],
  unsent: [],
  cities: [{ cityId: 'c', matchedAt: null }],
  switches: {},
};

describe('offers and assignments at any moment', () => {
  test('are consistent', () => {
    expect(momentProblems(GOOD)).toEqual([]);
    const wave = [offer, { ...offer, offerId: 'p', driverId: 'a' }].map((each) => ({
      ...each,
      kind: 'BROADCAST' as const,
    }));
    expect(
      momentProblems({ ...GOOD, offers: wave, drivers: [{ ...free, liveOffers: 1 }, asked, busy] }),
    ).toEqual([]);
  });

  test.each<[string, Partial<Snapshot>, string]>([
    [
      'two offers of one delivery',
      { offers: [offer, { ...offer, offerId: 'p', driverId: 'a' }] },
      '1 d2 - 2 live offers that are not one broadcast',
    ],
    [
      'a single offer beside a broadcast',
      { offers: [offer, { ...offer, offerId: 'p', driverId: 'a', kind: 'BROADCAST' }] },
      '1 d2 - 2 live offers that are not one broadcast',
    ],
    [
      'two offers of one driver',
      { offers: [offer, { ...offer, offerId: 'p', deliveryId: 'd1' }] },
      '1 - b driver b has 2 live offers',
    ],
    [
      'two drivers of one delivery',
      { assignments: [job, { ...job, assignmentId: 't', driverId: 'a' }] },
      '1 d3 - 2 active assignments',
    ],
    [
      'another driver than in the delivery’s row',
      { assignments: [{ ...job, driverId: 'a' }] },
      "1 d3 a the delivery's driver is e, its assignment's is a",
    ],
    ['no driver', { assignments: [] }, '1 d3 - the delivery is ASSIGNED with 0 active assignments'],
    [
      'a driver of a closed delivery',
      { open: [searched, offered] },
      '1 d3 e the delivery is closed but still has a driver',
    ],
    [
      'a counter that is too high',
      { drivers: [{ ...free, liveOffers: 1 }, asked, busy] },
      '1 - a driver a counts 1 live offers; the rows: 0',
    ],
    [
      'a driver above capacity',
      { drivers: [free, asked, { ...busy, liveOffers: 1 }] },
      '1 - e driver e exceeds their capacity of 1',
    ],
    [
      'an AVAILABLE driver with work',
      { drivers: [free, asked, { ...busy, availability: 'AVAILABLE' }] },
      '1 - e driver e is AVAILABLE with 1 active assignments',
    ],
  ])('except for %s', (_, change, problem) => {
    expect(wordsOf(momentProblems({ ...GOOD, ...change }))).toContain(problem);
  });
});

const WAITING: WaitingSettings = {
  limits: {
    searchMaxMs: 7_200_000,
    escalation: ESCALATION_LIMITS,
    maxBackoffMs: SEARCH_LIMITS.maxBackoffMs,
    matchingNetMs: 60_000,
  },
  features: [setting('escalation'), setting('driver_offers'), setting('batch_matching', 'OFF')],
};
function setting(feature: FeatureName, state: FeatureSetting['state'] = 'ON'): FeatureSetting {
  return { feature, state, rolloutPercent: 100, cities: null };
}
const switched = (enabled: boolean, percent: number | null = null): FeatureSwitch => ({
  enabled,
  percent,
  cities: null,
  plan: null,
  at: NOW - 200,
});
const waiting = (change: Partial<Snapshot>, settings = WAITING): PendingViolation[] =>
  waitingViolations({ ...GOOD, ...change }, settings, NOW);

describe('the next event of each delivery', () => {
  test('is still to come', () => {
    expect(waiting({})).toEqual([]);
    const later = {
      ...searched,
      status: 'PENDING',
      searchAt: NOW + 3_600_000,
      searchAgainAt: null,
      clock: NEW_CLOCK,
    } as const;
    const held = {
      ...searched,
      searchAgainAt: null,
      heldReason: 'REASSIGNMENT_OFF',
      hasOpenCase: true,
    } as const;
    expect(waiting({ open: [later, held, offered, carried] })).toEqual([]);
    expect(
      waiting({
        open: [
          {
            ...searched,
            searchAt: NOW + 3_600_000,
            searchAgainAt: NOW + 3_600_000,
            clock: { accumulatedMs: 0, runningSince: NOW + 3_600_000 },
          },
          offered,
          carried,
        ],
      }),
    ).toEqual([]); // lost long before its time
  });

  test.each<[string, Partial<Snapshot>, string]>([
    [
      'a search that is overdue',
      { open: [{ ...searched, searchAgainAt: NOW - 1 }] },
      '4 d1 - the delivery is SEARCHING; due since 1970-01-01T00:16:39.999Z: look for a driver again, after 2 in vain',
    ],
    [
      'a search that never began',
      { open: [{ ...searched, status: 'PENDING', searchAgainAt: null }] },
      '4 d1 - the delivery is PENDING; due since',
    ],
    [
      'a search that is scheduled too late',
      { open: [{ ...searched, searchAgainAt: NOW + SEARCH_LIMITS.maxBackoffMs + 1 }] },
      '4 d1 - the delivery is SEARCHING, but its next search is only at',
    ],
    [
      'an escalation that is overdue',
      { open: [{ ...searched, clock: { accumulatedMs: 300_000, runningSince: NOW - 1_000 } }] },
      'escalation to level 1',
    ],
    [
      'a search past its end',
      {
        open: [
          {
            ...searched,
            clock: { accumulatedMs: 7_200_000, runningSince: NOW - 1_000 },
            escalationLevel: 3,
            escalatedAfterMs: 7_100_000,
          },
        ],
      },
      'give up: nobody was found',
    ],
    [
      'a wait for ops without a case',
      { open: [{ ...searched, searchAgainAt: null, heldReason: 'PINNED_DRIVER_LOST' }] },
      '4 d1 - the search waits for ops (PINNED_DRIVER_LOST), but has no open case',
    ],
    ['no live offer', { offers: [] }, '4 d2 - the delivery is OFFERED with 0 live offers'],
    [
      'an expired offer that is still live',
      { offers: [{ ...offer, expiresAt: NOW - 1 }] },
      '6 d2 - the delivery is OFFERED; due since',
    ],
    [
      'an offer of a driver off duty',
      { drivers: [free, { ...asked, availability: 'OFFLINE' }, busy] },
      '6 d2 b offer o is LIVE, but its driver is OFFLINE',
    ],
    [
      'an offer of a driver who is about to go off duty',
      { drivers: [free, { ...asked, hasPendingChange: true }, busy] },
      '6 d2 b offer o is LIVE, but its driver is AVAILABLE, and about to go off duty',
    ],
    [
      'a driver who went off duty before pickup',
      { drivers: [free, asked, { ...busy, availability: 'SHIFT_ENDED' }] },
      '4 d3 e the delivery is ASSIGNED with driver e, who is SHIFT_ENDED',
    ],
    [
      'an overdue message',
      { unsent: [{ id: '7', kind: 'startDelivery', key: 'd1', dueAt: NOW - 2_000 }] },
      '4 d1 - message 7 (startDelivery of d1) has been in the outbox',
    ],
  ])('except for %s', (_, change, problem) => {
    expect(wordsOf(waiting(change))).toContain(problem);
  });

  test('after pickup is with the driver, whatever their state, until ops decide', () => {
    expect(
      waiting({
        open: [searched, offered, { ...carried, status: 'PICKED_UP' }],
        drivers: [free, asked, { ...busy, availability: 'OFFLINE' }],
      }),
    ).toEqual([]);
  });

  test('is no escalation while the feature is off, and counts from when it was switched on', () => {
    const open = [{ ...searched, clock: { accumulatedMs: 300_000, runningSince: NOW - 1_000 } }];
    expect(waiting({ open }, { ...WAITING, features: [setting('escalation', 'OFF')] })).toEqual([]);
    expect(waiting({ open, switches: { escalation: switched(false) } })).toEqual([]);
    expect(waiting({ open, switches: { escalation: switched(true) } })).toEqual([
      expect.objectContaining({ since: NOW - 200 }),
    ]);
  });
});

describe('with batch matching on, a delivery that waits', () => {
  const MATCHED: WaitingSettings = {
    ...WAITING,
    features: [setting('driver_offers'), setting('batch_matching')],
  };
  const since = (ms: number): OpenDelivery => ({ ...searched, statusSince: NOW - ms });
  const rounds = (matchedAt: number | null, open = [since(120_000)]): Partial<Snapshot> => ({
    open: [...open, offered, carried],
    cities: [{ cityId: 'c', matchedAt }],
  });

  test('has a round of its city within the net', () => {
    expect(waiting(rounds(NOW - 59_000), MATCHED)).toEqual([]);
    expect(waiting(rounds(null, [since(59_000)]), MATCHED)).toEqual([]);
    expect(waiting(rounds(NOW - 600_000, [since(59_000)]), MATCHED)).toEqual([]);
    expect(waiting(rounds(NOW - 600_000, []), MATCHED)).toEqual([]);
    expect(
      waiting(
        rounds(NOW - 600_000, [{ ...since(90_000), heldReason: 'PINNED_DRIVER_LOST', hasOpenCase: true }]),
        MATCHED,
      ),
    ).toEqual([]);
  });

  test.each([
    ['no round ever', null, [since(61_000)], 'd1', 1_000],
    ['none since long', NOW - 70_000, [since(600_000), { ...since(90_000), deliveryId: 'd9' }], 'd1', 10_000],
  ])('except for %s', (_, matchedAt, open, deliveryId, lateMs) => {
    expect(waiting(rounds(matchedAt, open), MATCHED)).toEqual([
      expect.objectContaining({
        invariant: 4,
        deliveryId,
        since: NOW - lateMs,
        what: expect.stringContaining('waits for the matching of c, of which no round'),
      }),
    ]);
  });

  test('waits for no round where ops switched it off, and for the net from when they switched it on', () => {
    const without = rounds(NOW - 600_000);
    expect(waiting({ ...without, switches: { batch_matching: switched(false) } }, MATCHED)).toEqual([]);
    expect(waiting({ ...without, switches: { batch_matching: switched(true) } }, MATCHED)).toEqual([]);
    expect(waiting({ ...without, switches: { driver_offers: switched(false) } }, MATCHED)).toEqual([]);
    const early = { ...switched(true), at: NOW - 61_000 };
    expect(waiting({ ...without, switches: { batch_matching: early } })).toHaveLength(1);
  });

  test('searches again within its own net, and soon once matching is off', () => {
    const at = (searchAgainAt: number): Partial<Snapshot> => rounds(NOW, [{ ...searched, searchAgainAt }]);
    const limits = { ...WAITING.limits, maxBackoffMs: 5_000 };
    const net = ownNetMs(limits.matchingNetMs);
    expect(waiting(at(NOW + net), { ...MATCHED, limits })).toEqual([]);
    expect(waiting(at(NOW + net + 1), { ...MATCHED, limits })).toHaveLength(1);
    expect(waiting(at(NOW + 6_000), { ...WAITING, limits })).toEqual([
      expect.objectContaining({ since: null }),
    ]);
    const off = (agoMs: number): Partial<Snapshot> => ({
      ...at(NOW + 6_000),
      switches: { batch_matching: { ...switched(false), at: NOW - agoMs } },
    });
    expect(waiting(off(59_000), { ...MATCHED, limits })).toEqual([]);
    expect(waiting(off(61_000), { ...MATCHED, limits })).toEqual([
      expect.objectContaining({ since: NOW - 1_000 }),
    ]);
  });
});

describe('the live map', () => {
  const LIMITS = { freshPositionMs: 60_000, staleGraceMs: 20_000, areAll: true };
  const spare: DutyDriver = { ...busy, driverId: 'f', capacity: 2 };
  const drivers = [free, asked, busy, spare];
  const PICTURE: MapPicture = {
    all: new Set(['a', 'b']),
    free: new Map([
      ['c', new Set(['a', 'b'])],
      ['far', new Set()],
    ]),
    busy: new Map([
      ['c', new Set(['f'])],
      ['far', new Set()],
    ]),
    known: new Map([['a', { version: 3, heardAt: NOW - 5_000 }]]),
  };
  const look = (change: Partial<MapPicture>, of = drivers): string =>
    wordsOf(mapViolations(of, { ...PICTURE, ...change }, LIMITS, NOW));
  const silent = (ms: number): DutyDriver[] => [{ ...free, fixAt: NOW - ms }, asked, busy, spare];
  const unheard = { known: new Map() };

  test('has the AVAILABLE drivers, and separately the BUSY ones with spare capacity', () => {
    expect(look({})).toBe('');
    expect(look(unheard, silent(79_999))).toBe(''); // until the next sweep
    expect(
      look({ all: new Set(['b']), free: new Map([['c', new Set(['b'])]]), ...unheard }, silent(60_001)),
    ).toBe('');
  });

  test('may keep a driver whose only spare capacity holds an offer', () => {
    expect(look({}, [free, asked, busy, { ...spare, liveOffers: 1 }])).toBe('');
    expect(
      look({ busy: new Map([['c', new Set()]]) }, [free, asked, busy, { ...spare, liveOffers: 1 }]),
    ).toBe('');
  });

  test('may have drivers of cities that are not checked', () => {
    expect(
      mapViolations(
        drivers,
        { ...PICTURE, all: new Set(['a', 'b', 'x']) },
        { ...LIMITS, areAll: false },
        NOW,
      ),
    ).toEqual([]);
  });

  test('may be newer than the row', () => {
    expect(
      look({
        all: new Set(['b']),
        free: new Map([['c', new Set(['b'])]]),
        known: new Map([['a', { version: 4, heardAt: NOW }]]),
      }),
    ).toBe('');
  });

  test.each<[string, Partial<MapPicture>, DutyDriver[], string]>([
    [
      'a missing driver',
      { all: new Set(['b']) },
      drivers,
      '5 - a the driver is AVAILABLE, and not on drivers:geo',
    ],
    [
      'a driver missing in their city',
      { free: new Map([['c', new Set(['b'])]]) },
      drivers,
      '5 - a the driver is AVAILABLE, and not on drivers:geo:c',
    ],
    [
      'a driver heard of by the map alone',
      { all: new Set(['b']), known: new Map([['a', { version: 3, heardAt: NOW }]]) },
      silent(90_000),
      '5 - a the driver is AVAILABLE, and not on drivers:geo',
    ],
    [
      'an OFFLINE driver',
      {},
      [{ ...free, availability: 'OFFLINE' }, asked, busy, spare],
      '5 - a the driver is OFFLINE, and on drivers:geo',
    ],
    [
      'a silent driver',
      unheard,
      silent(80_001),
      '5 - a the driver is AVAILABLE and silent, and on drivers:geo',
    ],
    [
      'a driver in another city',
      {
        free: new Map([
          ['c', new Set(['a', 'b'])],
          ['far', new Set(['a'])],
        ]),
      },
      drivers,
      '5 - a the driver is AVAILABLE, and on drivers:geo:far',
    ],
    [
      'a missing driver with spare capacity',
      { busy: new Map([['c', new Set()]]) },
      drivers,
      '5 - f the driver is BUSY with spare capacity, and not on drivers:geo:busy:c',
    ],
    [
      'a driver without spare capacity',
      { busy: new Map([['c', new Set(['e', 'f'])]]) },
      drivers,
      '5 - e the driver is BUSY, and on drivers:geo:busy:c',
    ],
    [
      'an unknown driver',
      { all: new Set(['a', 'b', 'x']) },
      drivers,
      '5 - x no driver row exists for an entry of the map',
    ],
  ])('except for %s', (_, change, of, problem) => {
    expect(look(change, of)).toContain(problem);
  });
});

describe('workflows', () => {
  const closed = { ...searched, status: 'CANCELLED' } as const;

  test('are described one by one where they are not listed', () => {
    expect(notListed([searched, offered], new Set(['delivery/m/o2']))).toEqual([searched]);
  });

  test('run while the delivery is open, and close with it', () => {
    expect(openViolations(searched, { kind: 'running' })).toEqual([]);
    expect(closedViolations(closed, { kind: 'ended', result: 'CANCELLED' })).toEqual([]);
    // by the sweep (ADR 8)
    expect(closedViolations(closed, { kind: 'broken', state: 'TERMINATED' })).toEqual([]);
    expect(unwantedRuns(new Set(['delivery/m/o1']), [searched], new Map())).toEqual([]);
  });

  test.each<[string, PendingViolation[], string]>([
    ['none', openViolations(searched, { kind: 'none' }), '3 d1 - the delivery is open and has no workflow'],
    [
      'a closed workflow',
      openViolations(searched, { kind: 'ended', result: 'CANCELLED' }),
      '3 d1 - the delivery is open, but its workflow ended with CANCELLED',
    ],
    [
      'a terminated workflow',
      openViolations(searched, { kind: 'broken', state: 'TERMINATED' }),
      '3 d1 - the delivery is open, but its workflow is TERMINATED',
    ],
    [
      'a workflow that is still running',
      closedViolations(closed, { kind: 'running' }),
      '3 d1 - the delivery is CANCELLED, but its workflow is still running',
    ],
    [
      'no workflow of a closed delivery',
      closedViolations(closed, { kind: 'none' }),
      '3 d1 - the delivery is CANCELLED and has no workflow',
    ],
    [
      'a workflow that timed out',
      closedViolations(closed, { kind: 'broken', state: 'TIMED_OUT' }),
      '3 d1 - the delivery is CANCELLED, but its workflow is TIMED_OUT',
    ],
    [
      'another result',
      closedViolations(closed, { kind: 'ended', result: 'FAILED' }),
      '3 d1 - the delivery is CANCELLED, but its workflow ended with FAILED',
    ],
    [
      'a run without an open delivery',
      unwantedRuns(new Set(['delivery/m/o1']), [], new Map([['delivery/m/o1', 'd1']])).map(
        ({ suspicion }) => suspicion,
      ),
      '3 d1 - workflow delivery/m/o1 is running without an open delivery',
    ],
    [
      'a stuck workflow',
      failingRunViolations([{ workflowId: 'delivery/m/o1', runId: 'r', problem: 'is stuck' }], new Map()),
      '3 - - workflow delivery/m/o1: is stuck',
    ],
  ])('except for %s', (_, found, problem) => {
    expect(wordsOf(found)).toBe(problem);
  });
});

const moved = (from: string, to: string, driverId: string | null = null): RecordedMove => ({
  kind: 'delivery_moved',
  from,
  to,
  driverId,
  offerId: null,
});
const noted = (kind: string): RecordedMove => ({ kind, from: null, to: null, driverId: 'a', offerId: 'o1' });
const DONE: RecordedDelivery = {
  deliveryId: 'd1',
  merchantId: 'm',
  sellerOrderId: 'o1',
  cityId: 'c',
  status: 'DELIVERED',
  reasonCode: null,
  driverId: 'a',
  createdAt: 0,
  readyAt: 0,
  searchAt: 0,
  assignedAt: 20,
  closedAt: 60,
  offers: [
    {
      offerId: 'o1',
      driverId: 'a',
      kind: 'SINGLE',
      state: 'ACCEPTED',
      round: 0,
      createdAt: 10,
      expiresAt: 40,
      endedAt: 20,
      endReason: 'ACCEPTED',
    },
  ],
  assignments: [
    {
      assignmentId: 's1',
      driverId: 'a',
      offerId: 'o1',
      way: 'OFFER',
      state: 'COMPLETED',
      startedAt: 20,
      atPickupAt: 30,
      pickedUpAt: 40,
      atDropoffAt: 50,
      endedAt: 60,
    },
  ],
  moves: [
    moved('PENDING', 'SEARCHING'),
    noted('offer_created'),
    moved('SEARCHING', 'OFFERED'),
    noted('offer_accepted'),
    moved('OFFERED', 'ASSIGNED', 'a'),
    moved('ASSIGNED', 'AT_PICKUP', 'a'),
    moved('AT_PICKUP', 'PICKED_UP', 'a'),
    moved('PICKED_UP', 'AT_DROPOFF', 'a'),
    moved('AT_DROPOFF', 'DELIVERED', 'a'),
  ],
};

describe('a delivery and its audit trail', () => {
  const judge = (change: Partial<RecordedDelivery>): string =>
    wordsOf([...rowProblems({ ...DONE, ...change }), ...trailProblems({ ...DONE, ...change })]);

  test('agree', () => {
    expect(judge({})).toBe('');
  });

  test.each<[string, Partial<RecordedDelivery>, string]>([
    [
      'a repeated step',
      { moves: [...DONE.moves, moved('ASSIGNED', 'AT_PICKUP', 'a')] },
      '2 d1 a the driver reported AT_PICKUP 2 times over 1 assignments',
    ],
    [
      'an illegal move',
      { moves: DONE.moves.map((each) => (each.to === 'OFFERED' ? moved('SEARCHING', 'PICKED_UP') : each)) },
      '7 d1 - the audit trail moves from SEARCHING to PICKED_UP, an illegal move',
    ],
    ['an empty trail', { moves: [] }, '7 d1 - the audit trail ends with PENDING, the delivery is DELIVERED'],
    [
      'an offer that ended twice',
      { moves: [...DONE.moves, noted('offer_expired')] },
      '6 d1 a offer o1 is ACCEPTED; its audit entries are [offer_created, offer_accepted, offer_expired]',
    ],
    [
      'an offer without entries',
      { moves: DONE.moves.filter(({ offerId }) => offerId === null) },
      '7 d1 a offer o1 is ACCEPTED; its audit entries are []',
    ],
    [
      'a live offer with an end',
      { offers: DONE.offers.map((each) => ({ ...each, state: 'LIVE' as const })) },
      '6 d1 a offer o1 is LIVE, and has ended',
    ],
  ])('except for %s', (_, change, problem) => {
    expect(judge(change)).toContain(problem);
  });
});

describe('a driver and their audit trail', () => {
  const registered = { kind: 'driver_registered', from: null, to: 'OFFLINE' };
  const changed = (from: string, to: string) => ({ kind: 'availability_changed', from, to });
  const TRAIL = [
    registered,
    changed('OFFLINE', 'AVAILABLE'),
    changed('AVAILABLE', 'BUSY'),
    changed('BUSY', 'BUSY'),
    changed('BUSY', 'ON_BREAK'),
  ];

  test('agree', () => {
    expect(availabilityProblems({ driverId: 'a', availability: 'ON_BREAK' }, TRAIL)).toEqual([]);
    expect(countProblems(busy, { live: 0, active: 1 })).toEqual([]);
    expect(workWithoutDuty(busy)).toBeNull();
  });

  test('except for a gap, an illegal change, another end, and work while off duty', () => {
    const judge = (trail: typeof TRAIL): string =>
      wordsOf(availabilityProblems({ driverId: 'a', availability: 'ON_BREAK' }, trail));
    expect(judge(TRAIL.filter(({ to }) => to !== 'AVAILABLE'))).toContain(
      '7 - a the audit trail changes from AVAILABLE, but the last state was OFFLINE',
    );
    expect(judge([registered, changed('OFFLINE', 'ON_BREAK')])).toBe(
      '7 - a the audit trail changes from OFFLINE to ON_BREAK, an illegal change',
    );
    expect(judge(TRAIL.slice(0, -1))).toBe('7 - a the audit trail ends with BUSY, the driver is ON_BREAK');
    expect(workWithoutDuty({ ...busy, availability: 'OFFLINE' })).toMatchObject({
      invariant: 4,
      driverId: 'e',
    });
  });
});

describe('responses to clients', () => {
  const accepted = {
    kind: 'accepted',
    deliveryId: 'd1',
    offerId: 'o1',
    driverId: 'a',
    assignmentId: 's1',
  } as const;
  const posted = { kind: 'posted', deliveryId: 'd1', sellerOrderId: 'o1' } as const;
  const said = (answer: string) => ({
    request: 'accept of o1 by a',
    answer,
    deliveryId: 'd1',
    driverId: 'a',
  });
  const observed = (kind: 'live' | 'over', at: number) => ({
    offerId: 'o1',
    deliveryId: 'd1',
    driverId: 'a',
    state: kind,
    at,
  });

  test('are consistent', () => {
    const told: ClientAnswers = {
      acknowledged: [posted, posted, accepted, accepted],
      answers: [said('200 s1'), said('200 s1')],
      offers: [observed('live', 10), observed('over', 20), observed('live', 20)],
    };
    expect(promiseProblems(told, [DONE])).toEqual([]);
  });

  test.each<[string, ClientAnswers, readonly RecordedDelivery[], string]>([
    [
      'a lost accept',
      { acknowledged: [accepted] },
      [{ ...DONE, assignments: [] }],
      '2 d1 a accepted was acknowledged: assignment s1 is not in the record',
    ],
    [
      'a lost order',
      { acknowledged: [posted] },
      [],
      '2 d1 - posted was acknowledged: the delivery is not in the record',
    ],
    [
      'an order with two deliveries',
      { acknowledged: [] },
      [DONE, { ...DONE, deliveryId: 'd2' }],
      '2 d1 - order m/o1 has 2 deliveries',
    ],
    [
      'an order acknowledged with two ids',
      { acknowledged: [posted, { ...posted, deliveryId: 'd2' }] },
      [DONE, { ...DONE, deliveryId: 'd2' }],
      '2 d1 - order m/o1 was acknowledged as d1 and as d2',
    ],
    [
      'an accept with two assignments',
      { acknowledged: [accepted, { ...accepted, assignmentId: 's2' }] },
      [DONE],
      '2 d1 a the accept of offer o1 was acknowledged as s1 and as s2',
    ],
    [
      'two answers to one request',
      { acknowledged: [], answers: [said('200 s1'), said('409')] },
      [DONE],
      '2 d1 a accept of o1 by a was answered with "200 s1" and with "409"',
    ],
    [
      'an ended offer shown as live',
      { acknowledged: [], offers: [observed('over', 20), observed('live', 21)] },
      [DONE],
      '6 d1 a offer o1 was shown as live after its driver had been told that it is over',
    ],
  ])('except for %s', (_, told, record, problem) => {
    expect(wordsOf(promiseProblems(told, record))).toContain(problem);
  });
});

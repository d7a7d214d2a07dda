import { describe, expect, test } from '@jest/globals';
import {
  assignedTwice,
  hostileFiguresOf,
  type HostileEvidence,
  lossesOf,
} from '../../reliability/hostile/figures';
import type { RecordedCase } from '../../reliability/hostile/record';
import type { SwitchReport } from '../../reliability/hostile/killSwitches';
import type { RecordedAssignment, RecordedDelivery, RecordedOffer } from '../../simulator/kit/record';

const assignment = (
  assignmentId: string,
  driverId: string,
  startedAt: number,
  endedAt: number | null,
  state: RecordedAssignment['state'] = 'COMPLETED',
  way: RecordedAssignment['way'] = 'OFFER',
): RecordedAssignment => ({
  assignmentId,
  driverId,
  offerId: null,
  way,
  state,
  startedAt,
  atPickupAt: null,
  pickedUpAt: null,
  atDropoffAt: null,
  endedAt,
});
const offer = (driverId: string, createdAt: number, round = 0): RecordedOffer => ({
  offerId: `o${createdAt}`,
  driverId,
  kind: 'SINGLE',
  state: 'ACCEPTED',
  round,
  createdAt,
  expiresAt: createdAt + 3_000,
  endedAt: createdAt + 500,
  endReason: 'ACCEPTED',
});
const move = (kind: string, to: string | null) => ({ kind, from: null, to, driverId: null, offerId: null });
const aCase = (set: Partial<RecordedCase>): RecordedCase => ({
  caseId: 'c1',
  deliveryId: 'd1',
  level: 0,
  state: 'RESOLVED',
  reason: 'CARRIER_SILENT',
  openedAt: 30_000,
  resolvedAt: 31_000,
  resolution: 'HANDED_OVER',
  ...set,
});

/** Lost by driver a after 20 s, then carried by driver b. */
const LOST: RecordedDelivery = {
  deliveryId: 'd1',
  merchantId: 'm',
  sellerOrderId: 'x',
  cityId: 'c',
  status: 'DELIVERED',
  reasonCode: null,
  driverId: 'b',
  createdAt: 0,
  readyAt: 0,
  searchAt: 0,
  assignedAt: 21_000,
  closedAt: 60_000,
  offers: [offer('a', 500), offer('b', 20_300)],
  assignments: [assignment('s1', 'a', 1_000, 20_000, 'LOST'), assignment('s2', 'b', 20_800, 60_000)],
  moves: [move('escalated', '1')],
};
const kill = (set: Partial<SwitchReport> = {}): SwitchReport => ({
  feature: 'driver_offers',
  offSeconds: 0.4,
  onSeconds: 0.7,
  problems: [],
  more: { directWhileOff: 2 },
  ...set,
});
const EVIDENCE: HostileEvidence = {
  deliveries: [LOST],
  drivers: ['a', 'b'].map((driverId) => ({
    driverId,
    availability: 'AVAILABLE',
    capacity: 1,
    liveOffers: 0,
    activeAssignments: 0,
    nextSlots: 0,
  })),
  cases: [aCase({})],
  noticed: new Map([['s1', 19_800]]),
  vanished: { beforePickup: 1, withGoods: 0 },
  kills: [kill()],
};

describe('the figures of a hostile run', () => {
  test('are correct for a good run', () => {
    expect(hostileFiguresOf(EVIDENCE)).toEqual({
      problems: [],
      figures: {
        deliveredShare: 1,
        vanishedBeforePickup: 1,
        vanishedWithGoods: 0,
        losses: 1,
        lossesCancelled: 0,
        reassigned: 1,
        reassignmentSuccess: 1,
        reassignmentP99Ms: 500,
        handedOver: 0,
        assignedTwice: 0,
        escalationsLevel1: 1,
        escalationsLevel2: 0,
        escalationsLevel3: 0,
        casesOpened: 1,
        casesResolved: 1,
        casesOpen: 0,
        openCaseReasons: '',
        driverOffersOffSeconds: 0.4,
        driverOffersOnSeconds: 0.7,
        directWhileOff: 2,
      },
    });
  });

  test('exclude deliveries that the customer cancelled', () => {
    const cancelled = {
      ...LOST,
      deliveryId: 'd2',
      status: 'CANCELLED',
      reasonCode: 'CUSTOMER_CANCELLED',
      assignments: [],
      moves: [],
    } as const;
    expect(
      hostileFiguresOf({
        ...EVIDENCE,
        deliveries: [LOST, { ...cancelled, offers: [], assignments: [], moves: [] }],
      }).figures.deliveredShare,
    ).toBe(1);
  });

  test.each<[string, Partial<HostileEvidence>, string]>([
    ['too few delivered orders', { deliveries: [{ ...LOST, status: 'RETURNED' }] }, 'delivered share 0'],
    [
      'a lost delivery that was not reassigned',
      { deliveries: [{ ...LOST, assignments: LOST.assignments.slice(0, 1) }] },
      'reassigned share 0',
    ],
    [
      'two drivers at once',
      {
        deliveries: [
          {
            ...LOST,
            assignments: [
              assignment('s1', 'a', 1_000, 20_000, 'LOST'),
              assignment('s2', 'b', 19_999, 60_000),
            ],
          },
        ],
      },
      'delivery d1 had two drivers at once',
    ],
    [
      'a level reached twice',
      { deliveries: [{ ...LOST, moves: [move('escalated', '1'), move('escalated', '1')] }] },
      'delivery d1 reached level 1 twice',
    ],
    [
      'a case without a reason',
      { cases: [aCase({ state: 'OPEN', reason: null })] },
      'case c1 is open without a reason',
    ],
    [
      'a case without a resolution',
      { cases: [aCase({ resolution: null })] },
      'case c1 was resolved without a resolution',
    ],
    ['a slow switch', { kills: [kill({ offSeconds: 5 })] }, 'driver_offers off took 5 s'],
    [
      'a switch without effect',
      { kills: [kill({ onSeconds: null })] },
      'driver_offers on: no effect was observed',
    ],
    [
      'offers made while off',
      { kills: [kill({ problems: ['2 offers were made while off'] })] },
      'driver_offers: 2 offers were made while off',
    ],
  ])('report %s', (_, change, problem) => {
    expect(hostileFiguresOf({ ...EVIDENCE, ...change }).problems.join('\n')).toContain(problem);
  });

  test('accept a case that is open at the end, with its reason', () => {
    const { figures, problems } = hostileFiguresOf({
      ...EVIDENCE,
      cases: [aCase({}), aCase({ caseId: 'c2', state: 'OPEN', reason: 'UNASSIGNED', resolution: null })],
    });
    expect(problems).toEqual([]);
    expect(figures).toMatchObject({
      casesOpened: 2,
      casesResolved: 1,
      casesOpen: 1,
      openCaseReasons: 'UNASSIGNED',
    });
  });
});

describe('losses', () => {
  test('count from the detection, or from the driver’s own report', () => {
    expect(lossesOf(EVIDENCE)).toEqual([{ assignmentId: 's1', isReassigned: true, offeredAfterMs: 500 }]);
    expect(lossesOf({ ...EVIDENCE, noticed: new Map() })).toEqual([
      { assignmentId: 's1', isReassigned: true, offeredAfterMs: 300 },
    ]);
  });

  test('exclude those that waited for a driver or for ops', () => {
    const waited = { ...LOST, offers: [offer('a', 500), offer('b', 20_300, 2)] };
    expect(lossesOf({ ...EVIDENCE, deliveries: [waited] })).toMatchObject([
      { isReassigned: true, offeredAfterMs: null },
    ]);
    const byHand = {
      ...LOST,
      offers: [offer('a', 500)],
      assignments: LOST.assignments.map((each) =>
        each.assignmentId === 's2' ? { ...each, way: 'MANUAL' as const } : each,
      ),
    };
    expect(lossesOf({ ...EVIDENCE, deliveries: [byHand] })).toMatchObject([
      { isReassigned: true, offeredAfterMs: null },
    ]);
    const held = [aCase({ reason: 'REASSIGNMENT_OFF', openedAt: 20_000 })];
    expect(lossesOf({ ...EVIDENCE, cases: held })).toMatchObject([
      { isReassigned: true, offeredAfterMs: null },
    ]);
  });

  test('exclude those of deliveries that the customer cancelled meanwhile', () => {
    const cancelled: RecordedDelivery = {
      ...LOST,
      status: 'CANCELLED',
      reasonCode: 'CUSTOMER_CANCELLED',
      offers: [],
      assignments: LOST.assignments.slice(0, 1),
    };
    expect(lossesOf({ ...EVIDENCE, deliveries: [cancelled] })).toEqual([]);
    expect(hostileFiguresOf({ ...EVIDENCE, deliveries: [cancelled] }).figures).toMatchObject({
      losses: 0,
      lossesCancelled: 1,
      reassignmentSuccess: null,
    });
  });
});

describe('double assignment', () => {
  const of = (first: RecordedAssignment, second: RecordedAssignment): string[] =>
    assignedTwice({
      ...EVIDENCE,
      deliveries: [
        { ...LOST, assignments: [first] },
        { ...LOST, deliveryId: 'd2', assignments: [second] },
      ],
    });

  test('is none where a driver gets their next job with the goods of another on board', () => {
    const onBoard = { ...assignment('s1', 'a', 1_000, 60_000), pickedUpAt: 20_000 };
    expect(of(onBoard, assignment('s2', 'a', 40_000, 90_000))).toEqual([]);
    expect(of(onBoard, assignment('s2', 'a', 10_000, 90_000))).toHaveLength(1);
  });

  test('of a driver above capacity is found', () => {
    expect(of(assignment('s1', 'a', 0, 20_000), assignment('s2', 'a', 10_000, null))).toEqual([
      'driver a had more than 1 deliveries at once',
    ]);
  });

  test('is not reported for assignments one after the other, even where the second was written first', () => {
    expect(of(assignment('s1', 'a', 0, 20_000), assignment('s2', 'a', 20_000, 40_000))).toEqual([]);
    expect(of(assignment('s1', 'a', 0, 20_000), assignment('s2', 'a', 19_000, 40_000))).toEqual([]);
  });
});

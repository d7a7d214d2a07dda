import { describe, expect, test } from '@jest/globals';
import { figuresOf, offerLatencies, type RunEvidence } from '../../simulator/kit/figures';
import type {
  RecordedAssignment,
  RecordedDelivery,
  RecordedDriver,
  RecordedOffer,
} from '../../simulator/kit/record';

const offer = (
  offerId: string,
  driverId: string,
  state: RecordedOffer['state'],
  createdAt: number,
  endedAt: number | null,
  round = 0,
): RecordedOffer => ({
  offerId,
  driverId,
  kind: 'SINGLE',
  state,
  round,
  createdAt,
  expiresAt: createdAt + 30_000,
  endedAt,
  endReason: null,
});
const carried: RecordedAssignment = {
  assignmentId: 's1',
  driverId: 'b',
  offerId: 'o2',
  way: 'OFFER',
  state: 'COMPLETED',
  startedAt: 3_000,
  atPickupAt: 4_000,
  pickedUpAt: 5_000,
  atDropoffAt: 6_000,
  endedAt: 7_000,
};
const DELIVERED: RecordedDelivery = {
  deliveryId: 'd1',
  merchantId: 'm',
  sellerOrderId: 'x',
  cityId: 'c',
  status: 'DELIVERED',
  reasonCode: null,
  driverId: 'b',
  createdAt: 1_010,
  readyAt: 1_000,
  searchAt: 1_000,
  assignedAt: 3_000,
  closedAt: 7_000,
  offers: [offer('o1', 'a', 'REJECTED', 1_050, 2_000), offer('o2', 'b', 'ACCEPTED', 2_020, 3_000)],
  assignments: [carried],
  moves: [],
};
const OPEN: RecordedDelivery = {
  ...DELIVERED,
  deliveryId: 'd2',
  status: 'OFFERED',
  driverId: null,
  assignedAt: null,
  closedAt: null,
  offers: [offer('o3', 'a', 'LIVE', 8_000, null)],
  assignments: [],
};
const driver = (
  driverId: string,
  availability: RecordedDriver['availability'],
  liveOffers = 0,
): RecordedDriver => ({
  driverId,
  availability,
  capacity: 1,
  nextSlots: 0,
  liveOffers,
  activeAssignments: 0,
});
const WITNESS: RunEvidence = {
  acknowledged: [{ kind: 'posted', deliveryId: 'd1', sellerOrderId: 'x' }],
  deliveries: [DELIVERED],
  drivers: [driver('a', 'AVAILABLE'), driver('b', 'ON_BREAK')],
  onMap: ['a'],
  sentAt: new Map([['d1', 1_005]]),
  offerArrivals: new Map([
    ['o1', 1_060],
    ['o2', 2_045],
  ]),
  histories: new Map([['d1', { events: 42, result: 'DELIVERED' }]]),
};

describe('the figures of a run', () => {
  test('of a good run have no problems', () => {
    expect(figuresOf(WITNESS)).toEqual({
      problems: [],
      figures: {
        deliveries: 1,
        delivered: 1,
        cancelled: 0,
        returned: 0,
        failed: 0,
        open: 0,
        offers: 2,
        accepted: 1,
        rejected: 1,
        expired: 0,
        withdrawn: 0,
        assignedWithoutOffer: 0,
        offerP50Ms: 45,
        offerP99Ms: 55,
        historyEventsMedian: 42,
        historyEventsMax: 42,
        lostAcks: 0,
        heldDrivers: 0,
        mapDifference: 0,
        workflowsThatDiffer: 0,
      },
    });
  });

  test('time an offer from the search, or from the end of the last offer or assignment', () => {
    expect(offerLatencies(WITNESS)).toEqual([55, 45]);
    const later = { ...DELIVERED, searchAt: 1_030 };
    expect(offerLatencies({ ...WITNESS, deliveries: [later] })).toEqual([30, 45]);
  });

  test('leave out an offer that waited for a driver', () => {
    const waited = { ...DELIVERED, offers: [offer('o1', 'a', 'ACCEPTED', 1_050, 2_000, 1)] };
    expect(offerLatencies({ ...WITNESS, deliveries: [waited] })).toEqual([]);
  });

  test.each<[string, Partial<RunEvidence>, string]>([
    ['a delivery that never ended', { deliveries: [DELIVERED, OPEN] }, 'delivery d2 has not ended: OFFERED'],
    [
      'a lost acknowledgement',
      { acknowledged: [{ kind: 'cancelled', deliveryId: 'd1' }] },
      'cancelled of delivery d1',
    ],
    [
      'a driver with an offer after the run',
      { drivers: [driver('a', 'AVAILABLE', 1)] },
      'driver a is held: AVAILABLE, 1 live offers',
    ],
    [
      'a BUSY driver without a delivery',
      { drivers: [driver('a', 'BUSY')], onMap: [] },
      'driver a is held: BUSY',
    ],
    ['an AVAILABLE driver off the map', { onMap: [] }, 'driver a is AVAILABLE, but not on the map'],
    ['a driver on a break on the map', { onMap: ['a', 'b'] }, 'driver b is ON_BREAK, but on the map'],
    [
      'a workflow with another result',
      { histories: new Map([['d1', { events: 9, result: 'CANCELLED' }]]) },
      'the workflow of delivery d1 is CANCELLED, not DELIVERED',
    ],
    [
      'a workflow that still runs',
      { histories: new Map([['d1', { events: 9, result: 'running' }]]) },
      'the workflow of delivery d1 is running, not DELIVERED',
    ],
    ['a missing workflow', { histories: new Map() }, 'the workflow of delivery d1 is none, not DELIVERED'],
  ])('%s is a problem', (_, change, problem) => {
    expect(figuresOf({ ...WITNESS, ...change }).problems.join('\n')).toContain(problem);
  });
});

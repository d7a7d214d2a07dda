import { describe, expect, test } from '@jest/globals';
import { type Acknowledged, Ledger, lostAcknowledgements } from '../../simulator/people/ledger';
import type { RecordedDelivery } from '../../simulator/kit/record';

const delivered: RecordedDelivery = {
  deliveryId: 'd1',
  merchantId: 'm1',
  sellerOrderId: 'order-1',
  cityId: 'city',
  status: 'DELIVERED',
  reasonCode: null,
  driverId: 'b',
  createdAt: 0,
  readyAt: 0,
  searchAt: 0,
  assignedAt: 5,
  closedAt: 9,
  moves: [],
  offers: [
    {
      offerId: 'o1',
      driverId: 'a',
      kind: 'SINGLE',
      state: 'REJECTED',
      round: 0,
      createdAt: 1,
      expiresAt: 30,
      endedAt: 2,
      endReason: 'TOO_FAR',
    },
    {
      offerId: 'o2',
      driverId: 'b',
      kind: 'SINGLE',
      state: 'ACCEPTED',
      round: 0,
      createdAt: 3,
      expiresAt: 33,
      endedAt: 5,
      endReason: 'ACCEPTED',
    },
  ],
  assignments: [
    {
      assignmentId: 's1',
      driverId: 'b',
      offerId: 'o2',
      way: 'OFFER',
      state: 'COMPLETED',
      startedAt: 5,
      atPickupAt: 6,
      pickedUpAt: 7,
      atDropoffAt: 8,
      endedAt: 9,
    },
  ],
};
const KEPT: Acknowledged[] = [
  { kind: 'posted', deliveryId: 'd1', sellerOrderId: 'order-1' },
  { kind: 'rejected', deliveryId: 'd1', offerId: 'o1', driverId: 'a' },
  { kind: 'accepted', deliveryId: 'd1', offerId: 'o2', driverId: 'b', assignmentId: 's1' },
  { kind: 'step', deliveryId: 'd1', driverId: 'b', step: 'arriveAtPickup' },
  { kind: 'step', deliveryId: 'd1', driverId: 'b', step: 'pickUp' },
  { kind: 'step', deliveryId: 'd1', driverId: 'b', step: 'arriveAtDropoff' },
  { kind: 'step', deliveryId: 'd1', driverId: 'b', step: 'deliver' },
];

describe('acknowledged results', () => {
  test('are not lost if the record has them', () => {
    expect(lostAcknowledgements(KEPT, [delivered])).toEqual([]);
  });

  test.each<[string, Acknowledged, RecordedDelivery]>([
    ['a missing delivery', { kind: 'posted', deliveryId: 'd2', sellerOrderId: 'order-2' }, delivered],
    ["another order's delivery", { kind: 'posted', deliveryId: 'd1', sellerOrderId: 'order-2' }, delivered],
    [
      'an accept of an expired offer',
      { kind: 'accepted', deliveryId: 'd1', offerId: 'o1', driverId: 'a', assignmentId: 's1' },
      delivered,
    ],
    [
      'an accept of a missing offer',
      { kind: 'accepted', deliveryId: 'd1', offerId: 'o9', driverId: 'a', assignmentId: 's1' },
      delivered,
    ],
    [
      "an accept of another's offer",
      { kind: 'accepted', deliveryId: 'd1', offerId: 'o2', driverId: 'a', assignmentId: 's1' },
      delivered,
    ],
    [
      'an accept without its assignment',
      { kind: 'accepted', deliveryId: 'd1', offerId: 'o2', driverId: 'b', assignmentId: 's1' },
      { ...delivered, assignments: [] },
    ],
    [
      'a rejection that became an acceptance',
      { kind: 'rejected', deliveryId: 'd1', offerId: 'o2', driverId: 'b' },
      delivered,
    ],
    [
      'a step by a driver without an assignment',
      { kind: 'step', deliveryId: 'd1', driverId: 'a', step: 'pickUp' },
      delivered,
    ],
    [
      'a drop-off of a delivery that is still open',
      { kind: 'step', deliveryId: 'd1', driverId: 'b', step: 'deliver' },
      { ...delivered, status: 'AT_DROPOFF' },
    ],
    ['a missing return', { kind: 'step', deliveryId: 'd1', driverId: 'b', step: 'returnGoods' }, delivered],
    ['a missing failure', { kind: 'failed', deliveryId: 'd1', driverId: 'b' }, delivered],
    ['a missing cancel', { kind: 'cancelled', deliveryId: 'd1' }, delivered],
    [
      'a driver still assigned after giving up',
      { kind: 'gaveUp', deliveryId: 'd1', driverId: 'b' },
      delivered,
    ],
    [
      'a missing manual assignment',
      { kind: 'manualAssignment', deliveryId: 'd1', driverId: 'b', assignmentId: 's9' },
      delivered,
    ],
    [
      'a manual assignment of another driver',
      { kind: 'manualAssignment', deliveryId: 'd1', driverId: 'c', assignmentId: 's1' },
      delivered,
    ],
    [
      'an ops action missing from the audit trail',
      { kind: 'opsAction', deliveryId: 'd1', entry: 'pay_raised' },
      delivered,
    ],
  ])('%s is reported', (_, acknowledged, record) => {
    expect(lostAcknowledgements([acknowledged], [record])).toHaveLength(1);
  });

  test('ops actions and lost assignments in the record are not reported', () => {
    const byHand: RecordedDelivery = {
      ...delivered,
      moves: [{ kind: 'pay_raised', from: null, to: null, driverId: null, offerId: null }],
      assignments: delivered.assignments.flatMap((each) => [
        { ...each, assignmentId: 's0', driverId: 'a', state: 'LOST' as const },
        { ...each, way: 'HANDOVER' as const },
      ]),
    };
    expect(
      lostAcknowledgements(
        [
          { kind: 'gaveUp', deliveryId: 'd1', driverId: 'a' },
          { kind: 'manualAssignment', deliveryId: 'd1', driverId: 'b', assignmentId: 's1' },
          { kind: 'opsAction', deliveryId: 'd1', entry: 'pay_raised' },
        ],
        [byHand],
      ),
    ).toEqual([]);
    // A driver who already had the delivery keeps the assignment as it was.
    expect(
      lostAcknowledgements(
        [{ kind: 'manualAssignment', deliveryId: 'd1', driverId: 'b', assignmentId: 's1' }],
        [delivered],
      ),
    ).toEqual([]);
  });

  test('forget() empties the ledger', () => {
    const ledger = new Ledger();
    for (const each of KEPT) ledger.add(each);
    expect(ledger.all()).toEqual(KEPT);
    ledger.forget();
    expect(ledger.all()).toEqual([]);
  });
});

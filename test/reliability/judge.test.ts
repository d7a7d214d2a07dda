import { describe, expect, test } from '@jest/globals';
import type { DeliverySnapshot } from '../../domain/delivery/deadline';
import { type Answered, contradictions, type RaceRecord } from '../../reliability/races/judge';
import type {
  RecordedAssignment,
  RecordedDelivery,
  RecordedDriver,
  RecordedMove,
  RecordedOffer,
} from '../../simulator/kit/record';

const offerA: RecordedOffer = {
  offerId: 'oA',
  driverId: 'a',
  kind: 'SINGLE',
  state: 'ACCEPTED',
  round: 0,
  createdAt: 10,
  expiresAt: 40,
  endedAt: 20,
  endReason: 'ACCEPTED',
};
const workOfA: RecordedAssignment = {
  assignmentId: 's1',
  driverId: 'a',
  offerId: 'oA',
  way: 'OFFER',
  state: 'ACTIVE',
  startedAt: 20,
  atPickupAt: null,
  pickedUpAt: null,
  atDropoffAt: null,
  endedAt: null,
};
const moved = (from: string, to: string): RecordedMove => ({
  kind: 'delivery_moved',
  from,
  to,
  driverId: null,
  offerId: null,
});
const noted = (kind: string, offerId: string): RecordedMove => ({
  kind,
  from: null,
  to: null,
  driverId: 'a',
  offerId,
});
const ASSIGNED: RecordedDelivery = {
  deliveryId: 'd1',
  merchantId: 'm',
  sellerOrderId: 'o',
  cityId: 'c',
  status: 'ASSIGNED',
  reasonCode: null,
  driverId: 'a',
  createdAt: 0,
  readyAt: 0,
  searchAt: 0,
  assignedAt: 20,
  closedAt: null,
  offers: [offerA],
  assignments: [workOfA],
  moves: [
    moved('PENDING', 'SEARCHING'),
    noted('offer_created', 'oA'),
    moved('SEARCHING', 'OFFERED'),
    noted('offer_accepted', 'oA'),
    moved('OFFERED', 'ASSIGNED'),
  ],
};
const KNOWN: DeliverySnapshot = {
  status: 'ASSIGNED',
  closed: false,
  driverId: 'a',
  offers: [],
  searchAgainAt: null,
  searchRound: 0,
  giveUpAt: null,
  escalationLevel: 0,
};
const busyA: RecordedDriver = {
  driverId: 'a',
  availability: 'BUSY',
  capacity: 1,
  liveOffers: 0,
  activeAssignments: 1,
  nextSlots: 0,
};
const freeB: RecordedDriver = {
  driverId: 'b',
  availability: 'AVAILABLE',
  capacity: 1,
  liveOffers: 0,
  activeAssignments: 0,
  nextSlots: 0,
};
const acceptedByA: Answered = {
  asked: 'accept',
  offerId: 'oA',
  driverId: 'a',
  status: 200,
  code: null,
  assignmentId: 's1',
};
const refusedTo = (driverId: string, status: number, code: string): Answered => ({
  asked: 'accept',
  offerId: 'oA',
  driverId,
  status,
  code,
  assignmentId: null,
});

const TRUTH: RaceRecord = {
  answers: [acceptedByA, acceptedByA, refusedTo('b', 404, 'NOT_FOUND')],
  delivery: ASSIGNED,
  drivers: [busyA, freeB],
  workflow: { running: true, known: KNOWN },
};
const withDelivery = (change: Partial<RecordedDelivery>): RaceRecord => ({
  ...TRUTH,
  delivery: { ...ASSIGNED, ...change },
});
const withAnswers = (...answers: Answered[]): RaceRecord => ({ ...TRUTH, answers });

describe('consistent records', () => {
  test('an accepted offer', () => {
    expect(contradictions(TRUTH)).toEqual([]);
  });

  test('an accept that lost against the cancel', () => {
    const delivery: RecordedDelivery = {
      ...ASSIGNED,
      status: 'CANCELLED',
      reasonCode: 'MERCHANT_CANCELLED',
      driverId: null,
      assignedAt: null,
      closedAt: 21,
      assignments: [],
      offers: [{ ...offerA, state: 'WITHDRAWN', endReason: 'CANCELLED' }],
      moves: [
        moved('PENDING', 'SEARCHING'),
        noted('offer_created', 'oA'),
        moved('SEARCHING', 'OFFERED'),
        noted('offer_withdrawn', 'oA'),
        moved('OFFERED', 'CANCELLED'),
      ],
    };
    const answers: Answered[] = [
      refusedTo('a', 409, 'OFFER_WITHDRAWN'),
      { asked: 'cancel', status: 200, code: null },
    ];
    const drivers = [{ ...busyA, availability: 'AVAILABLE', activeAssignments: 0 } as const, freeB];
    expect(
      contradictions({ answers, delivery, drivers, workflow: { running: false, result: 'CANCELLED' } }),
    ).toEqual([]);
  });
});

describe('a contradiction is found', () => {
  test.each<[string, RaceRecord, string]>([
    [
      'two winners',
      withAnswers(acceptedByA, { ...acceptedByA, driverId: 'b' }),
      '2 drivers were told that they have the delivery',
    ],
    [
      'an accept answered in two ways',
      withAnswers(acceptedByA, refusedTo('a', 409, 'OFFER_EXPIRED')),
      'accept of oA by a was answered with "200  s1" and with "409 OFFER_EXPIRED"',
    ],
    [
      'two assignments for one accept',
      withAnswers(acceptedByA, { ...acceptedByA, assignmentId: 's2' }),
      'and with "200  s2"',
    ],
    [
      'a refusal of an accepted offer',
      withAnswers(refusedTo('a', 409, 'OFFER_WITHDRAWN')),
      'was answered with 409 OFFER_WITHDRAWN, but the offer is ACCEPTED',
    ],
    [
      'an answer to another driver',
      withAnswers(acceptedByA, refusedTo('b', 409, 'ALREADY_ANSWERED')),
      'for offer oA of driver a',
    ],
    [
      'a driver’s own offer reported as unknown',
      withAnswers(refusedTo('a', 404, 'NOT_FOUND')),
      'their own offer oA does not exist',
    ],
    [
      'a server error',
      withAnswers(acceptedByA, { ...acceptedByA, asked: 'reject', status: 500, code: 'INTERNAL' }),
      'was answered with 500 INTERNAL',
    ],
    ['an accepted offer without an accept', withAnswers(), 'offer oA is ACCEPTED without an accept request'],
    ['a lost acknowledged accept', withDelivery({ assignments: [] }), 'assignment s1 is not in the record'],
    [
      'a lost acknowledged cancel',
      withAnswers(acceptedByA, { asked: 'cancel', status: 200, code: null }),
      'the cancel was answered 200, but the delivery is ASSIGNED',
    ],
    [
      'a driver who was told OFFLINE but is not',
      withAnswers(acceptedByA, { asked: 'goOffline', driverId: 'a', status: 200, code: null }),
      'told that they are offline, but is BUSY',
    ],
    [
      'two live offers',
      withDelivery({
        offers: [
          offerA,
          { ...offerA, offerId: 'oB', state: 'LIVE', endedAt: null },
          { ...offerA, offerId: 'oC', state: 'LIVE', endedAt: null },
        ],
      }),
      '2 live offers',
    ],
    [
      'two active assignments',
      withDelivery({ assignments: [workOfA, { ...workOfA, assignmentId: 's2' }] }),
      '2 active assignments',
    ],
    [
      'a delivery with the wrong driver',
      withDelivery({ driverId: 'b' }),
      "the delivery's driver is b, its assignment's is a",
    ],
    [
      'a carried delivery without a driver',
      withDelivery({ assignments: [{ ...workOfA, state: 'LOST', endedAt: 30 }] }),
      'the delivery is ASSIGNED with 0 active assignments',
    ],
    [
      'an offer that ended before its expiry',
      withDelivery({ offers: [{ ...offerA, state: 'EXPIRED' }] }),
      'expired 20 ms before its time',
    ],
    [
      'an expired offer with an assignment',
      withDelivery({ offers: [{ ...offerA, state: 'EXPIRED', endedAt: 41 }] }),
      'is EXPIRED, but has an assignment',
    ],
    [
      'a driver whose offer count is never released',
      { ...TRUTH, drivers: [busyA, { ...freeB, liveOffers: 1 }] },
      'driver b counts 1 live offers; the rows: 0',
    ],
    [
      'a driver released too early',
      { ...TRUTH, drivers: [{ ...busyA, activeAssignments: 0, availability: 'AVAILABLE' }, freeB] },
      'driver a counts 0 active assignments; the rows: 1',
    ],
    [
      'a driver over capacity',
      { ...TRUTH, drivers: [{ ...busyA, liveOffers: 1 }, freeB] },
      'exceeds their capacity',
    ],
    [
      'an AVAILABLE driver with work',
      { ...TRUTH, drivers: [{ ...busyA, availability: 'AVAILABLE' }, freeB] },
      'driver a is AVAILABLE with 1 active assignments',
    ],
    [
      'a workflow that lags behind its row',
      { ...TRUTH, workflow: { running: true, known: { ...KNOWN, status: 'OFFERED' } } },
      'the workflow knows OFFERED, the delivery is ASSIGNED',
    ],
    [
      'a workflow that waits for an ended offer',
      {
        ...TRUTH,
        workflow: {
          running: true,
          known: { ...KNOWN, offers: [{ offerId: 'oA', driverId: 'a', expiresAt: 40 }] },
        },
      },
      'the workflow knows of offers [oA], live are []',
    ],
    [
      'a workflow with another driver',
      { ...TRUTH, workflow: { running: true, known: { ...KNOWN, driverId: 'b' } } },
      'the workflow knows driver b',
    ],
    [
      'a workflow that ended too early',
      { ...TRUTH, workflow: { running: false, result: 'CANCELLED' } },
      'the workflow ended with CANCELLED, the delivery is ASSIGNED',
    ],
    [
      'a change without its entry',
      withDelivery({ moves: ASSIGNED.moves.slice(0, -1) }),
      'the audit trail ends with OFFERED, the delivery is ASSIGNED',
    ],
    [
      'a gap in the trail',
      withDelivery({ moves: ASSIGNED.moves.filter(({ to }) => to !== 'OFFERED') }),
      'the audit trail moves from OFFERED, but the last state was SEARCHING',
    ],
    [
      'an offer accepted twice in the trail',
      withDelivery({ moves: [...ASSIGNED.moves, noted('offer_accepted', 'oA')] }),
      'its audit entries are [offer_created, offer_accepted, offer_accepted]',
    ],
  ])('%s', (_, record, problem) => {
    expect(contradictions(record).join('\n')).toContain(problem);
  });
});

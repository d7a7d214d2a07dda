import { describe, expect, test } from '@jest/globals';
import { fairnessOf } from '../../bench/evening/fairness';
import { type Happened, stretchesOf, stretchFigures } from '../../bench/evening/figures';
import type { EveningReading } from '../../bench/evening/meters';
import { mostWithin, noticeFigures } from '../../bench/evening/notices';
import type { ReceivedNotice } from '../../bench/evening/noticeSink';
import { firstOffers, type OfferEvidence, offersOnceFree } from '../../bench/evening/offers';
import { orderPauseMs, readOptions } from '../../bench/evening/options';
import type { AssignmentRow, DeliveryRow, OfferRow } from '../../bench/evening/record';
import { type Judged, problemsOf } from '../../bench/evening/verdict';
import { ofEach } from '../../bench/cpu';

const times = (p99: number | null) => ({ count: p99 === null ? 0 : 100, p50: p99, p95: p99, p99, max: p99 });
const cores = { worker: 0.2, api: 0.1, temporal: 0.3, postgres: 0.1, redis: 0, load: 0.5 };
const GOOD: Judged = {
  whole: { looksAnAccept: 2.4 },
  phases: { rush: { acceptMs: times(200) }, relief: { acceptMs: times(299) } },
  peak: { cores, waiting: 1_300 },
  pages: 10,
  fairness: { noDriver: 0, leftWaiting: 0 },
  unansweredAccepts: 0,
  failures: [],
};

describe('the verdict on an evening', () => {
  test('passes good figures', () => expect(problemsOf(GOOD)).toEqual([]));

  test.each<[string, Partial<Judged>, RegExp]>([
    ['too many looks', { whole: { looksAnAccept: 3.1 } }, /3.1 looks an accept/],
    ['no accept at all', { whole: { looksAnAccept: null } }, /no offer was accepted/],
    ['a busy worker', { peak: { cores: { ...cores, worker: 0.4 }, waiting: 9 } }, /worker: 0.4 .* 9 waiting/],
    ['a busy Temporal', { peak: { cores: { ...cores, temporal: 0.9 }, waiting: 9 } }, /temporal: 0.9/],
    ['unknown CPU', { peak: { cores: { ...cores, worker: null }, waiting: 9 } }, /worker could not be read/],
    [
      'slow accepts in one phase',
      { phases: { ...GOOD.phases, relief: { acceptMs: times(300) } } },
      /^relief: accept p99 300 ms/,
    ],
    ['a phase without accepts', { phases: { rush: { acceptMs: times(null) } } }, /rush: no accept/],
    ['accepts without an answer', { unansweredAccepts: 1 }, /1 accepts were never answered/],
    ['pages', { pages: 11 }, /11 pages/],
    ['orders given up', { fairness: { noDriver: 2, leftWaiting: 0 } }, /2 orders ended with NO_DRIVER/],
    ['orders left waiting', { fairness: { noDriver: 0, leftWaiting: 1 } }, /1 orders .* never got a driver/],
    ['orders not taken', { failures: ['an order was not taken'] }, /not taken/],
  ])('reports %s', (_what, bad, words) => expect(problemsOf({ ...GOOD, ...bad }).join('\n')).toMatch(words));
});

describe('options of an evening', () => {
  test('three times the orders come at a third of the pause', () => {
    const some = { drivers: 50, speed: 40 };
    expect(orderPauseMs(3, some) * 3).toBeCloseTo(orderPauseMs(1, some));
  });

  test('plenty is five times the drivers', () => expect(readOptions(['--drivers', '7']).plenty).toBe(35));

  test('plenty is at least the drivers of before', () =>
    expect(() => readOptions(['--drivers', '7', '--plenty', '6'])).toThrow(/--plenty/));
});

const delivery = (deliveryId: string, more: Partial<DeliveryRow> = {}): DeliveryRow => ({
  deliveryId,
  createdAt: 0,
  searchAt: 0,
  reason: null,
  level: 0,
  closedAt: null,
  ...more,
});
const offer = (offerId: string, more: Partial<OfferRow> = {}): OfferRow => ({
  offerId,
  deliveryId: 'a',
  driverId: 'dora',
  state: 'ACCEPTED',
  round: 0,
  createdAt: 0,
  endedAt: null,
  ...more,
});
const job = (
  deliveryId: string,
  driverId: string,
  startedAt: number,
  endedAt: number | null,
): AssignmentRow => ({
  deliveryId,
  driverId,
  startedAt,
  endedAt,
});
const evidence = (more: Partial<OfferEvidence>): OfferEvidence => ({
  deliveries: [],
  offers: [],
  assignments: [],
  sentAt: new Map(),
  arrivals: new Map(),
  ...more,
});

describe('offers of an evening', () => {
  test('a first offer counts from the order, unless it waited for a driver', () => {
    const { kept, waited } = firstOffers(
      evidence({
        offers: [
          offer('1', { createdAt: 100 }),
          offer('2', { createdAt: 500 }),
          offer('3', { deliveryId: 'b', round: 4 }),
        ],
        sentAt: new Map([['a', 90]]),
        arrivals: new Map([
          ['1', 130],
          ['2', 530],
        ]),
      }),
    );
    expect({ kept, waited }).toEqual({ kept: [{ at: 130, ms: 40 }], waited: 1 });
  });

  test('an offer to a driver who came free counts from then, not from the order', () => {
    const measured = offersOnceFree(
      evidence({
        deliveries: [delivery('a'), delivery('b', { createdAt: 10, searchAt: 10 })],
        offers: [offer('2', { deliveryId: 'b', createdAt: 5_020 })],
        assignments: [job('a', 'dora', 100, 5_000)],
        arrivals: new Map([['2', 5_050]]),
      }),
    );
    expect(measured).toEqual([{ at: 5_050, ms: 50 }]);
  });

  test('an offer after a rejection counts from the rejection', () => {
    const measured = offersOnceFree(
      evidence({
        deliveries: [delivery('a')],
        offers: [
          offer('1', { driverId: 'emil', createdAt: 100, endedAt: 900, state: 'REJECTED' }),
          offer('2', { createdAt: 910 }),
        ],
        assignments: [job('z', 'dora', 0, 50)],
        arrivals: new Map([['2', 940]]),
      }),
    );
    expect(measured).toEqual([{ at: 940, ms: 40 }]);
  });

  test('the first offer of a driver, and one to a driver who still carries, are left out', () => {
    const measured = offersOnceFree(
      evidence({
        deliveries: [delivery('a'), delivery('b')],
        offers: [
          offer('1', { createdAt: 100, endedAt: 200 }),
          offer('2', { deliveryId: 'b', createdAt: 300 }),
        ],
        assignments: [job('a', 'dora', 200, null)],
        arrivals: new Map([
          ['1', 120],
          ['2', 310],
        ]),
      }),
    );
    expect(measured).toEqual([]);
  });
});

describe('fairness of an evening', () => {
  test('a wait ends with the first driver, with the end of the order, or with the run', () => {
    const fairness = fairnessOf(
      {
        deliveries: [
          delivery('a', { level: 1 }),
          delivery('b', { closedAt: 4_000, reason: 'NO_DRIVER', level: 3 }),
          delivery('c', { createdAt: 1_000 }),
          delivery('later', { createdAt: 6_000 }),
        ],
        assignments: [job('a', 'dora', 2_000, 2_500), job('a', 'emil', 3_000, null)],
      },
      { before: 5_000, endedAt: 21_000 },
    );
    expect(fairness).toEqual({
      orders: 3,
      medianWaitS: 4,
      p90WaitS: 20,
      longestWaitS: 20,
      longestByMedian: 5,
      byLevel: { 0: 1, 1: 1, 2: 0, 3: 1 },
      noDriver: 1,
      leftWaiting: 1,
    });
  });
});

describe('notices of an evening', () => {
  const notice = (key: string | null, what: ReceivedNotice['what'], at: number): ReceivedNotice => ({
    channel: key === null ? 'chat' : 'pager',
    what,
    key,
    at,
  });

  test('an update of an open alert is no page; the same alert after its end is one', () => {
    const figures = noticeFigures([
      notice('zone', 'open', 0),
      notice('zone', 'open', 10),
      notice('other', 'open', 20),
      notice('zone', 'resolved', 30),
      notice('zone', 'open', 90_000),
      notice(null, 'open', 40),
      notice(null, 'resolved', 50),
    ]);
    expect(figures).toEqual({
      chat: 2,
      chatResolved: 1,
      pages: 3,
      pageUpdates: 1,
      mostChatAMinute: 2,
      mostPagesAMinute: 2,
      mostOpenPages: 2,
    });
  });

  test('the most within a time are counted from each on', () =>
    expect(mostWithin(10, [0, 9, 10, 11, 30])).toBe(3));
});

const reading = (at: number, more: Partial<EveningReading> = {}): EveningReading => ({
  at,
  cpuSeconds: ofEach(() => at / 2_000),
  memoryBytes: { worker: 3e8, api: null, temporal: null, postgres: null, redis: null },
  workerHeapBytes: 0,
  postgresBytes: 0,
  redisBytes: 0,
  events: { count: 0, seconds: 0 },
  searches: { count: 0, seconds: 0 },
  transactions: 0,
  rowsRead: 0,
  looks: 0,
  notAnsweredInTime: 0,
  unavailable: 0,
  slowTasks: 0,
  waiting: 0,
  ...more,
});
const HAPPENED: Happened = {
  deliveries: [delivery('a', { createdAt: 1_000 }), delivery('b', { createdAt: 61_000 })],
  offers: [
    offer('1', { createdAt: 2_000, endedAt: 59_000 }),
    offer('2', { deliveryId: 'b', createdAt: 62_000, endedAt: 70_000, state: 'REJECTED' }),
    offer('3', { deliveryId: 'b', createdAt: 71_000, endedAt: 72_000 }),
  ],
  assignments: [],
  accepts: [
    { at: 59_000, ms: 30 },
    { at: 72_000, ms: 900 },
  ],
  offerLatencies: [{ at: 62_010, ms: 12 }],
  notices: [{ channel: 'chat', what: 'open', key: null, at: 61_500 }],
};

describe('minutes of an evening', () => {
  const readings = [
    reading(0, { looks: 5 }),
    reading(60_000, { looks: 9, waiting: 3 }),
    reading(120_000, { looks: 20, slowTasks: 2 }),
  ];

  test('each has its own accepts, looks, notices and percentiles', () => {
    const minutes = stretchesOf(readings, HAPPENED);
    expect(minutes).toMatchObject([
      { fromMinute: 0, waiting: 3, orders: 1, looks: 4, offers: 1, accepts: 1, looksAnAccept: 4, chat: 0 },
      { fromMinute: 1, waiting: 0, orders: 1, looks: 11, offers: 2, accepts: 1, chat: 1, slowTasks: 2 },
    ]);
    expect(minutes.map(({ acceptMs }) => acceptMs.p99)).toEqual([30, 900]);
    expect(minutes.map(({ offerMs }) => offerMs.p99)).toEqual([null, 12]);
  });

  test('CPU is in cores, and memory is that at the end', () => {
    const [first, last] = [reading(0), reading(120_000)];
    expect(stretchFigures(first, last, HAPPENED)).toMatchObject({
      cores: { worker: 0.5, temporal: 0.5 },
      workerMb: 300,
      accepts: 2,
    });
  });

  test('looks an accept are unknown where nobody accepted', () =>
    expect(stretchFigures(reading(0), reading(1_000, { looks: 7 }), HAPPENED).looksAnAccept).toBeNull());
});

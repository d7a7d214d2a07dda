import { describe, expect, test } from '@jest/globals';
import type { DriverEvent, DriverSocket } from '../../simulator/client/driverSocket';
import type { DriverClient, Outcome } from '../../simulator/client/service';
import { Ledger } from '../../simulator/people/ledger';
import { type DrawnAnswer, drawAnswer } from '../../simulator/replay/answers';
import { Courier } from '../../simulator/replay/courier';
import type { DayCourier, DayOrder } from '../../simulator/replay/day';
import { randomFrom } from '../../simulator/kit/random';
import { Lag } from '../../simulator/replay/lag';
import { dayClock } from '../../simulator/replay/timing';

const RULES = { metersPerMinute: 320, pickupServiceMinutes: 4, dropoffServiceMinutes: 4 };
const SPEED = 3_000; // a minute of the day takes 20 ms
const RESTAURANT = { x: 0, y: 3_200 };
const order = (id: string, readyMinute: number): DayOrder => ({
  id,
  x: 0,
  y: 6_400,
  restaurantId: 'r1',
  placementMinute: 0,
  readyMinute,
});
const done: Outcome<object> = { ok: true };

/** A service that accepts every request, and the list of requests in order. */
function service(
  orders: readonly DayOrder[],
  { onDuty }: { onDuty: (hear: (news: DriverEvent) => void) => void },
) {
  const asked: string[] = [];
  const note = async (what: string): Promise<Outcome<object>> => {
    asked.push(what);
    return done;
  };
  const client: DriverClient = {
    view: async () => ({ ok: true, availability: 'AVAILABLE', offers: [], deliveryIds: [] }),
    delivery: async () => ({ ok: false, status: 404, code: 'NOT_FOUND', detail: '' }),
    startShift: () => note('start'),
    endShift: () => note('end'),
    goOffline: () => note('offline'),
    startBreak: () => note('break'),
    endBreak: () => note('breakEnd'),
    sendPositions: async () => done,
    accept: async (offerId) => {
      await note(`accept ${offerId}`);
      return { ok: true, assignmentId: `s-${offerId}`, at: Date.now() };
    },
    reject: (offerId) => note(`reject ${offerId}`),
    step: async (deliveryId, step) => {
      await note(`${step} ${deliveryId}`);
      return { ok: true, status: 'DELIVERED' };
    },
    fail: async () => ({ ok: true, status: 'FAILED' }),
    leave: async () => ({ ok: true, isReleased: true }),
  };
  const socket: DriverSocket = {
    listen: (hear) => onDuty(hear),
    offerSeen: () => undefined,
    close: () => void asked.push('close'),
  };
  const jobOf = async (deliveryId: string): Promise<{ order: DayOrder; restaurant: typeof RESTAURANT }> => {
    const found = orders.find(({ id }) => id === deliveryId);
    if (!found) throw new Error(`no order ${deliveryId}`);
    return { order: found, restaurant: RESTAURANT };
  };
  return { asked, client, socket, jobOf };
}

const offered = (deliveryId: string): DriverEvent => ({
  kind: 'offered',
  offer: {
    offerId: `offer-${deliveryId}`,
    deliveryId,
    expiresAt: Date.now() + 60_000,
    pickup: { lat: 0, lng: 0 },
    dropoff: { lat: 0, lng: 0 },
    readyAt: 0,
  },
});

function courierOf(
  world: ReturnType<typeof service>,
  shift: Pick<DayCourier, 'onMinute' | 'offMinute'>,
  answer: DrawnAnswer = { what: 'accept', afterMinutes: 0 },
): { courier: Courier; ledger: Ledger; lag: Lag; log: string[] } {
  const clock = dayClock(Date.now(), SPEED);
  const [ledger, lag, log]: [Ledger, Lag, string[]] = [new Ledger(), new Lag(), []];
  const deps = {
    ...world,
    driverId: 'a',
    clock: () => clock,
    rules: RULES,
    pointOf: () => ({ lat: 0, lng: 0 }),
    placeEveryMs: 50,
    nextAnswer: () => answer,
    lag,
    ledger,
    log: (line: string) => void log.push(line),
  };
  return { courier: new Courier(deps, { id: 'c1', x: 0, y: 0, ...shift }), ledger, lag, log };
}

describe('a courier of the day', () => {
  test('takes a job at once, rides by the rules, and goes home when the shift is over', async () => {
    const world = service([order('o1', 40)], { onDuty: (hear) => hear(offered('o1')) });
    const { courier, ledger, lag, log } = courierOf(world, { onMinute: 2, offMinute: 80 });
    await courier.work(new AbortController().signal);
    expect(world.asked).toEqual([
      'start',
      'accept offer-o1',
      'arriveAtPickup o1',
      'pickUp o1',
      'arriveAtDropoff o1',
      'deliver o1',
      'end',
      'close',
    ]);
    expect(courier.isHome).toBe(true);
    const [carried] = courier.carried;
    expect(carried?.times.pick).toBe(40);
    expect(carried?.times.free).toBe(56);
    expect(lag.figures('step')?.count).toBe(4);
    expect(ledger.all()).toHaveLength(5);
    expect(log).toEqual([]);
  });

  test('refuses in time as drawn, and lets an offer lapse as drawn', async () => {
    const hears = { onDuty: (hear: (news: DriverEvent) => void) => hear(offered('o1')) };
    const [refusing, lapsing] = [service([order('o1', 40)], hears), service([order('o1', 40)], hears)];
    const shift = { onMinute: 0, offMinute: 80 };
    const { courier } = courierOf(refusing, shift, { what: 'refuse', afterMinutes: 1 });
    const { courier: sleepy } = courierOf(lapsing, shift, { what: 'lapse', afterMinutes: 1 });
    await Promise.all([courier, sleepy].map((each) => each.work(new AbortController().signal)));
    expect(refusing.asked).toEqual(['start', 'reject offer-o1', 'end', 'close']);
    expect(lapsing.asked).toEqual(['start', 'end', 'close']);
    expect([courier.refused, courier.lapsed, sleepy.refused, sleepy.lapsed]).toEqual([1, 0, 0, 1]);
  });

  test('answers by the shares and the mean that were asked for', () => {
    const random = randomFrom('answers');
    const options = { refuse: 0.2, lapse: 0.1, answerSeconds: 12 };
    const drawn = Array.from({ length: 4_000 }, () => drawAnswer(options, random));
    const shareOf = (what: DrawnAnswer['what']): number =>
      drawn.filter((each) => each.what === what).length / drawn.length;
    expect(shareOf('refuse')).toBeCloseTo(0.2, 1);
    expect(shareOf('lapse')).toBeCloseTo(0.1, 1);
    const minutes = drawn.map(({ afterMinutes }) => afterMinutes);
    expect(Math.min(...minutes)).toBeGreaterThanOrEqual(0.1);
    expect(Math.max(...minutes)).toBeLessThanOrEqual(0.3);
  });

  test('rejects an offer with a pickup after the end of the shift', async () => {
    const world = service([order('late', 45)], { onDuty: (hear) => hear(offered('late')) });
    const { courier } = courierOf(world, { onMinute: 0, offMinute: 40 });
    await courier.work(new AbortController().signal);
    expect(world.asked).toEqual(['start', 'reject offer-late', 'end', 'close']);
    expect(courier.refused).toBe(1);
  });

  test('finishes the job in hand after the shift, and accepts no more', async () => {
    const world = service([order('o1', 40)], { onDuty: (hear) => hear(offered('o1')) });
    const { courier } = courierOf(world, { onMinute: 0, offMinute: 45 });
    await courier.work(new AbortController().signal);
    expect(world.asked.slice(-4)).toEqual(['arriveAtDropoff o1', 'end', 'deliver o1', 'close']);
  });

  test('begins the next job at the place and time of the last drop-off', async () => {
    let tell: (news: DriverEvent) => void = () => undefined;
    const world = service([order('o1', 0), order('o2', 0)], {
      onDuty: (hear) => ((tell = hear), hear(offered('o1'))),
    });
    const { step } = world.client;
    world.client.step = async (deliveryId, name, at) => {
      // The offer may overtake the answer to the last step of the previous job.
      if (name === 'deliver' && deliveryId === 'o1') tell(offered('o2'));
      return step(deliveryId, name, at);
    };
    const { courier } = courierOf(world, { onMinute: 0, offMinute: 100 });
    await courier.work(new AbortController().signal);
    const [first, second] = courier.carried.map(({ times }) => times);
    expect(second?.leave).toBeGreaterThanOrEqual(first?.free ?? Infinity);
    expect((second?.arrive ?? 0) - (second?.leave ?? 0)).toBeCloseTo(10);
    expect(courier.isHome).toBe(true);
  });

  test('answers a repeated offer once', async () => {
    const world = service([order('o1', 0)], {
      onDuty: (hear) => (
        hear(offered('o1')),
        hear({ kind: 'state', offers: [], deliveryIds: [] }),
        hear(offered('o1'))
      ),
    });
    const { courier } = courierOf(world, { onMinute: 0, offMinute: 60 });
    await courier.work(new AbortController().signal);
    expect(world.asked.filter((what) => what.startsWith('accept'))).toHaveLength(1);
  });

  test('stops when the day is aborted', async () => {
    const stop = new AbortController();
    const world = service([order('o1', 20)], {
      onDuty: (hear) => (hear(offered('o1')), setTimeout(() => stop.abort(), 30)),
    });
    const { courier } = courierOf(world, { onMinute: 0, offMinute: 100_000 });
    await courier.work(stop.signal);
    expect(world.asked).not.toContain('deliver o1');
  });
});

import { describe, expect, jest, test } from '@jest/globals';
import type { DeliveryStatus, Step } from '../../domain/delivery/status';
import { STEPS } from '../../domain/delivery/status';
import type { DriverEvent, DriverSocket } from '../../simulator/client/driverSocket';
import { Latencies } from '../../simulator/client/latencies';
import type { DriverClient, Outcome } from '../../simulator/client/service';
import {
  type AfterAccept,
  type Odds,
  type OfferAnswer,
  SimulatedDriver,
} from '../../simulator/people/driver';
import { Ledger } from '../../simulator/people/ledger';
import { randomFrom } from '../../simulator/kit/random';
import { eventually } from '../support/eventually';

const HOME = { lat: 52.36, lng: 4.9 };
const DOOR = { lat: 52.361, lng: 4.901 };
const ALWAYS: Odds = { accept: 1, reject: 0, breakAfterJob: 0, failAtDoor: 0 };
const done: Outcome<object> = { ok: true };
const refused: Outcome<never> = { ok: false, status: 409, code: 'OFFER_WITHDRAWN', detail: '' };

/** A service with one delivery, and the list of its requests. `over` aborts at the request `ends`. */
function service({
  ends,
  firstNews,
  status = 'OFFERED',
}: {
  ends: string;
  firstNews: readonly DriverEvent[];
  status?: DeliveryStatus;
}) {
  const asked: string[] = [];
  const state = { status };
  const over = new AbortController();
  const note = (what: string): Outcome<object> => {
    asked.push(what);
    if (what === ends) over.abort();
    return done;
  };
  const hearing: { hear: (news: DriverEvent) => void } = { hear: () => undefined };
  const client: DriverClient = {
    view: async () => ({ ok: true, availability: 'AVAILABLE', offers: [], deliveryIds: [] }),
    delivery: async (deliveryId) => ({
      ok: true,
      deliveryId,
      status: state.status,
      driverId: 'a',
      pickup: HOME,
      dropoff: DOOR,
      readyAt: 0,
    }),
    startShift: async () => note('start'),
    endShift: async () => note('end'),
    goOffline: async () => note('offline'),
    startBreak: async () => note('break'),
    endBreak: async () => note('breakEnd'),
    sendPositions: async () => done,
    accept: async () => {
      state.status = 'ASSIGNED';
      note('accept');
      return { ok: true, assignmentId: 's1', at: Date.now() };
    },
    reject: async () => note('reject'),
    step: async (_, step: Step) => {
      state.status = STEPS[step].to;
      note(step);
      return { ok: true, status: state.status };
    },
    fail: async () => {
      state.status = 'RETURNING';
      note('fail');
      return { ok: true, status: 'RETURNING' };
    },
    leave: async () => ({ ...note('leave'), isReleased: state.status === 'ASSIGNED' }),
  };
  const socket: DriverSocket = {
    listen: (hear) => {
      hearing.hear = hear;
      for (const news of firstNews) hear(news);
    },
    offerSeen: () => void note('seen'),
    close: () => undefined,
  };
  return { asked, client, socket, over, hearing, state };
}

function driverOf(
  { client, socket }: Pick<ReturnType<typeof service>, 'client' | 'socket'>,
  {
    odds = ALWAYS,
    isV1 = false,
    afterAccept,
    answer,
  }: { odds?: Odds; isV1?: boolean; afterAccept?: AfterAccept; answer?: OfferAnswer } = {},
) {
  const [ledger, offerArrivals, log]: [Ledger, Map<string, number>, string[]] = [new Ledger(), new Map(), []];
  const deps = {
    driverId: 'a',
    client,
    socket,
    random: randomFrom('driver'),
    ledger,
    latencies: new Latencies(),
    offerArrivals,
    log: (line: string) => void log.push(line),
  };
  const behaviour = {
    answer: answer && (() => answer),
    vanishing: afterAccept && { afterAccept: () => afterAccept, awayMs: { min: 20, max: 30 } },
  };
  return {
    driver: new SimulatedDriver(deps, {
      odds,
      vehicle: 'CAR',
      isV1,
      home: HOME,
      speed: 1_000,
      thinkMs: { min: 5, max: 20 },
      ...behaviour,
    }),
    ledger,
    offerArrivals,
    log,
  };
}

async function workUntil(
  what: string,
  driver: SimulatedDriver,
  over: AbortController,
  isSo: (counts: SimulatedDriver['counts']) => boolean,
): Promise<void> {
  const working = driver.work(over.signal);
  await eventually(what, async () => isSo(driver.counts));
  over.abort();
  await working;
}

const OFFER: DriverEvent = {
  kind: 'offered',
  offer: {
    offerId: 'o1',
    deliveryId: 'd1',
    expiresAt: Date.now() + 30_000,
    pickup: HOME,
    dropoff: DOOR,
    readyAt: 0,
  },
};
const ALL_STEPS = ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'];

describe('a simulated driver', () => {
  test('accepts, picks up and delivers, and records the acknowledged results', async () => {
    const world = service({ ends: 'deliver', firstNews: [OFFER, OFFER] });
    const { driver, ledger, offerArrivals, log } = driverOf(world);
    await driver.work(world.over.signal);
    expect(world.asked).toEqual(['start', 'seen', 'accept', ...ALL_STEPS]);
    expect(ledger.all().map(({ kind }) => kind)).toEqual(['accepted', 'step', 'step', 'step', 'step']);
    expect(offerArrivals.has('o1')).toBe(true);
    expect(driver.counts).toMatchObject({ offers: 1, accepted: 1, delivered: 1, rejected: 0, ignored: 0 });
    expect(log).toEqual([]);
  });

  test('rejects an offer', async () => {
    const world = service({ ends: 'reject', firstNews: [OFFER] });
    const { driver, ledger } = driverOf(world, { odds: { ...ALWAYS, accept: 0, reject: 1 } });
    await driver.work(world.over.signal);
    expect(world.asked).toEqual(['start', 'seen', 'reject']);
    expect(ledger.all()).toEqual([{ kind: 'rejected', deliveryId: 'd1', offerId: 'o1', driverId: 'a' }]);
  });

  test.each<[OfferAnswer, string[]]>([
    ['reject', ['reject']],
    ['ignore', []],
  ])('gives the dealt answer in place of the odds: %s', async (answer, asked) => {
    const world = service({ ends: 'reject', firstNews: [OFFER] });
    const { driver } = driverOf(world, { answer });
    await workUntil(
      'the offer is dealt with',
      driver,
      world.over,
      ({ ignored, rejected }) => ignored + rejected === 1,
    );
    expect(world.asked).toEqual(['start', 'seen', ...asked]);
    expect(driver.counts.ignored).toBe(answer === 'ignore' ? 1 : 0);
  });

  test('does not answer a withdrawn offer', async () => {
    const world = service({ ends: 'never', firstNews: [OFFER, { kind: 'offerOver', offerId: 'o1' }] });
    const { driver } = driverOf(world);
    await workUntil('the offer is dealt with', driver, world.over, ({ refusedLate }) => refusedLate === 1);
    expect(world.asked).toEqual(['start', 'seen']);
    expect(driver.counts.refusedLate).toBe(1);
  });

  test('does not record a late accept as acknowledged', async () => {
    const world = service({ ends: 'never', firstNews: [OFFER] });
    world.client.accept = async () => {
      world.over.abort();
      return refused;
    };
    const { driver, ledger } = driverOf(world);
    await driver.work(world.over.signal);
    expect(ledger.all()).toEqual([]);
    expect(driver.counts).toMatchObject({ accepted: 0, refusedLate: 1 });
  });

  test('carries an assigned delivery from its current state with the v1 app', async () => {
    const world = service({
      ends: 'deliver',
      firstNews: [
        { kind: 'assigned', deliveryId: 'd1' },
        { kind: 'assigned', deliveryId: 'd1' },
      ],
      status: 'PICKED_UP',
    });
    const { driver } = driverOf(world, { isV1: true });
    await driver.work(world.over.signal);
    expect(world.asked).toEqual(['start', 'arriveAtDropoff', 'deliver']);
  });

  test('continues the deliveries of the state after a restart', async () => {
    const world = service({
      ends: 'deliver',
      firstNews: [{ kind: 'state', offers: [], deliveryIds: ['d1'] }],
      status: 'AT_PICKUP',
    });
    const { driver } = driverOf(world);
    await driver.work(world.over.signal);
    expect(world.asked).toEqual(['start', 'pickUp', 'arriveAtDropoff', 'deliver']);
  });

  test('returns goods to the shop after a failed drop-off', async () => {
    const world = service({ ends: 'returnGoods', firstNews: [OFFER] });
    const { driver } = driverOf(world, { odds: { ...ALWAYS, failAtDoor: 1 } });
    await driver.work(world.over.signal);
    expect(world.asked).toEqual([
      'start',
      'seen',
      'accept',
      'arriveAtPickup',
      'pickUp',
      'arriveAtDropoff',
      'fail',
      'returnGoods',
    ]);
    expect(driver.counts).toMatchObject({ delivered: 0, returned: 1 });
  });

  test('stops riding for a cancelled delivery', async () => {
    const world = service({ ends: 'never', firstNews: [OFFER] });
    const { accept } = world.client;
    world.client.accept = async (offerId) => {
      setTimeout(() => {
        world.state.status = 'CANCELLED';
        world.hearing.hear({ kind: 'released', deliveryId: 'd1' });
        world.over.abort();
      });
      return accept(offerId);
    };
    const { driver } = driverOf({
      ...world,
      client: {
        ...world.client,
        delivery: async (deliveryId) => ({
          ok: true,
          deliveryId,
          status: world.state.status,
          driverId: 'a',
          pickup: { lat: 53, lng: 5 },
          dropoff: DOOR,
          readyAt: 0,
        }),
      },
    });
    await driver.work(world.over.signal);
    expect(world.asked).toEqual(['start', 'seen', 'accept']);
  });

  test('takes a break now and then', async () => {
    const world = service({ ends: 'breakEnd', firstNews: [OFFER] });
    const { driver } = driverOf(world, { odds: { ...ALWAYS, breakAfterJob: 1 } });
    await driver.work(world.over.signal);
    expect(world.asked.slice(-3)).toEqual(['deliver', 'break', 'breakEnd']);
    expect(driver.counts.breaks).toBe(1);
  });

  describe('that vanishes', () => {
    /** `start` comes twice: at the beginning, and when the driver is back. */
    function vanishingFrom(world: ReturnType<typeof service>, afterAccept: AfterAccept) {
      const { startShift } = world.client;
      world.client.startShift = async (endsAt) => {
        const answer = await startShift(endsAt);
        if (world.asked.filter((what) => what === 'start').length === 2) world.over.abort();
        return answer;
      };
      world.socket.close = () => void world.asked.push('close');
      return driverOf(world, { afterAccept });
    }

    test('is silent after an accept until it is back', async () => {
      const world = service({ ends: 'never', firstNews: [OFFER] });
      const { driver, ledger } = vanishingFrom(world, 'vanishes');
      await driver.work(world.over.signal);
      expect(world.asked).toEqual(['start', 'seen', 'accept', 'close', 'start', 'close']);
      expect(ledger.all().map(({ kind }) => kind)).toEqual(['accepted']);
      expect(driver.counts).toMatchObject({ accepted: 1, vanishedBeforePickup: 1, vanishedWithGoods: 0 });
    });

    test('is silent after the pickup until it is back', async () => {
      const world = service({ ends: 'never', firstNews: [OFFER] });
      const { driver } = vanishingFrom(world, 'vanishesWithGoods');
      await driver.work(world.over.signal);
      expect(world.asked).toEqual([
        'start',
        'seen',
        'accept',
        'arriveAtPickup',
        'pickUp',
        'close',
        'start',
        'close',
      ]);
      expect(driver.counts).toMatchObject({ vanishedBeforePickup: 0, vanishedWithGoods: 1 });
    });
  });

  test('takes goods over from another driver at the meeting point', async () => {
    const world = service({
      ends: 'deliver',
      firstNews: [{ kind: 'assigned', deliveryId: 'd1' }],
      status: 'PICKED_UP',
    });
    world.client.view = async () => ({
      ok: true,
      availability: 'BUSY',
      offers: [],
      deliveryIds: ['d1'],
      handoverPoints: new Map([['d1', DOOR]]),
    });
    const { driver } = driverOf(world);
    await driver.work(world.over.signal);
    expect(world.asked).toEqual(['start', 'pickUp', 'arriveAtDropoff', 'deliver']);
  });

  test('with two deliveries in hand takes the stops in the order of the route', async () => {
    const world = service({
      ends: 'never',
      firstNews: ['d1', 'd2'].map((deliveryId) => ({ kind: 'assigned', deliveryId })),
    });
    const statusOf = new Map<string, DeliveryStatus>([
      ['d1', 'ASSIGNED'],
      ['d2', 'ASSIGNED'],
    ]);
    const left = ['d2', 'd2', 'd1', 'd1', 'd1', 'd1', 'd2', 'd2'];
    const taken: string[] = [];
    world.client.view = async () => ({
      ok: true,
      availability: 'BUSY',
      offers: [],
      deliveryIds: [...statusOf.keys()],
      route: left.slice(taken.length),
    });
    const { delivery } = world.client;
    world.client.delivery = async (deliveryId) => {
      const known = await delivery(deliveryId);
      return known.ok ? { ...known, status: statusOf.get(deliveryId) ?? 'DELIVERED' } : known;
    };
    world.client.step = async (deliveryId, step) => {
      const { to: status } = STEPS[step];
      statusOf.set(deliveryId, status);
      taken.push(deliveryId);
      if (taken.length === left.length) world.over.abort();
      return { ok: true, status };
    };
    const { driver } = driverOf(world);
    await driver.work(world.over.signal);
    expect(taken).toEqual(left);
  });

  test('takes all deliveries of one offer, and carries each', async () => {
    const world = service({ ends: 'never', firstNews: [OFFER] });
    const statusOf = new Map<string, DeliveryStatus>([
      ['d1', 'ASSIGNED'],
      ['d2', 'ASSIGNED'],
    ]);
    world.client.accept = async () => ({
      ...{ ok: true, assignmentId: 's1', at: Date.now() },
      deliveries: [
        { deliveryId: 'd1', offerId: 'o1', assignmentId: 's1' },
        { deliveryId: 'd2', offerId: 'o2', assignmentId: 's2' },
      ],
    });
    const { delivery } = world.client;
    world.client.delivery = async (deliveryId) => {
      const known = await delivery(deliveryId);
      return known.ok ? { ...known, status: statusOf.get(deliveryId) ?? 'DELIVERED' } : known;
    };
    world.client.step = async (deliveryId, step) => {
      const { to: status } = STEPS[step];
      statusOf.set(deliveryId, status);
      if ([...statusOf.values()].every((each) => each === 'DELIVERED')) world.over.abort();
      return { ok: true, status };
    };
    const { driver, ledger } = driverOf(world);
    await driver.work(world.over.signal);
    expect(driver.counts).toMatchObject({ offers: 1, accepted: 1, delivered: 2 });
    expect(ledger.all().filter(({ kind }) => kind === 'accepted')).toMatchObject([
      { deliveryId: 'd1', offerId: 'o1', assignmentId: 's1' },
      { deliveryId: 'd2', offerId: 'o2', assignmentId: 's2' },
    ]);
  });

  test('gives a delivery up and stops riding for it', async () => {
    const world = service({ ends: 'leave', firstNews: [OFFER] });
    const { driver, ledger } = driverOf({
      ...world,
      client: {
        ...world.client,
        delivery: async (deliveryId) => ({
          ok: true,
          deliveryId,
          status: 'ASSIGNED',
          driverId: 'a',
          pickup: { lat: 53, lng: 5 },
          dropoff: DOOR,
          readyAt: 0,
        }),
      },
    });
    const working = driver.work(world.over.signal);
    while (driver.onTheWayTo === null) await new Promise(setImmediate);
    expect(driver.isFree).toBe(false);
    expect(await driver.giveUp('d1')).toBe(true);
    await working;
    expect(world.asked).toEqual(['start', 'seen', 'accept', 'leave']);
    expect(ledger.all().at(-1)).toEqual({ kind: 'gaveUp', deliveryId: 'd1', driverId: 'a' });
    expect(driver.onTheWayTo).toBeNull();
  });

  test('keeps a delivery that it has picked up: ops decide', async () => {
    const world = service({ ends: 'leave', firstNews: [], status: 'PICKED_UP' });
    const { driver, ledger } = driverOf(world);
    const working = driver.work(world.over.signal);
    expect(await driver.giveUp('d1')).toBe(false);
    await working;
    expect(ledger.all()).toEqual([]);
    expect(driver.counts.gaveUp).toBe(0);
  });

  test('sends plausible positions while riding at any speed of the demo', async () => {
    const world = service({ ends: 'never', firstNews: [OFFER] });
    const speeds: number[] = [];
    world.client.sendPositions = async (fixes) => {
      speeds.push(...fixes.flatMap(({ speedMps }) => speedMps ?? []));
      if (speeds.length > 0) world.over.abort();
      return done;
    };
    const { driver } = driverOf({
      ...world,
      client: {
        ...world.client,
        delivery: async (deliveryId) => ({
          ok: true,
          deliveryId,
          status: 'ASSIGNED',
          driverId: 'a',
          pickup: { lat: 53, lng: 5 },
          dropoff: DOOR,
          readyAt: 0,
        }),
      },
    });
    await driver.work(world.over.signal);
    expect(Math.max(...speeds)).toBeLessThan(10);
  });

  test('takes a requested break, and starts the shift again if the service ended the break', async () => {
    const world = service({ ends: 'never', firstNews: [] });
    const { driver } = driverOf(world);
    expect(await driver.takeBreak()).toBe(true);
    expect(driver.isFree).toBe(false);
    world.client.endBreak = async () => refused;
    await driver.endBreak();
    expect(world.asked).toEqual(['break', 'start']);
    expect(driver.isFree).toBe(true);
  });

  test('is silent at home, and comes back with a position and a new shift', async () => {
    const world = service({ ends: 'never', firstNews: [] });
    world.client.sendPositions = async () => {
      world.asked.push('place');
      return done;
    };
    const { driver } = driverOf(world);
    const askedIn = async (ms: number): Promise<string[]> => {
      world.asked.length = 0;
      await jest.advanceTimersByTimeAsync(ms);
      return [...world.asked];
    };
    jest.useFakeTimers();
    try {
      const working = driver.work(world.over.signal);
      expect(await askedIn(60_000)).toEqual(expect.arrayContaining(['start', 'place']));
      expect(await driver.goHome()).toBe(true);
      expect(driver.isOnDuty).toBe(false);
      expect(await askedIn(60_000)).toEqual([]);
      expect(await driver.comeBack()).toBe(true);
      expect(driver.isOnDuty).toBe(true);
      expect(world.asked).toEqual(['place', 'start']);
      expect(new Set(await askedIn(60_000))).toEqual(new Set(['place']));
      world.over.abort();
      await working;
    } finally {
      jest.useRealTimers();
    }
  });

  test('is on duty again after going home from a break', async () => {
    const { driver } = driverOf(service({ ends: 'never', firstNews: [] }));
    expect(await driver.takeBreak()).toBe(true);
    expect(await driver.goHome()).toBe(true);
    expect(await driver.comeBack()).toBe(true);
    expect(driver.isOnDuty).toBe(true);
  });

  test('stays on duty if the service refuses to end the shift', async () => {
    const { driver } = driverOf({
      ...service({ ends: 'never', firstNews: [] }),
      client: { ...service({ ends: 'never', firstNews: [] }).client, endShift: async () => refused },
    });
    expect(await driver.goHome()).toBe(false);
    expect(driver.isOnDuty).toBe(true);
  });

  test('has to fetch the goods in hand until the pickup', async () => {
    const world = service({ ends: 'never', firstNews: [OFFER] });
    const seen: boolean[] = [];
    const { step } = world.client;
    const { driver } = driverOf(world);
    world.client.step = async (deliveryId, what, at) => {
      seen.push(driver.hasToFetch);
      if (what === 'deliver') world.over.abort();
      return step(deliveryId, what, at);
    };
    expect(driver.hasToFetch).toBe(false);
    await driver.work(world.over.signal);
    // Arrival at the pickup, pickup, arrival at the door, delivery.
    expect(seen).toEqual([true, true, false, false]);
  });
});

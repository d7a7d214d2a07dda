import { describe, expect, test } from '@jest/globals';
import type {
  CaseView,
  SupportClient,
  OpsDeliveryView,
  OpsDriverView,
} from '../../simulator/client/supportClient';
import { Ledger } from '../../simulator/people/ledger';
import {
  decideCase,
  type SupportView,
  freeDriversOf,
  SimulatedOps,
  RAISE_CENTS,
  RETURN_AFTER_MS,
} from '../../simulator/people/simulatedOps';

const SHOP = { lat: 52.36, lng: 4.9 };
const NEAR = { driverId: 'near', place: { lat: 52.361, lng: 4.9 } };
const FAR = { driverId: 'far', place: { lat: 52.4, lng: 4.9 } };
const OPEN: CaseView = {
  caseId: 'c1',
  deliveryId: 'd1',
  level: 2,
  state: 'OPEN',
  reason: 'UNASSIGNED',
  driverId: null,
  openedAt: 1_000,
  roseAt: 1_000,
  status: 'SEARCHING',
};
const DELIVERY: OpsDeliveryView = {
  deliveryId: 'd1',
  status: 'SEARCHING',
  carrierId: null,
  pickup: SHOP,
  bonusCents: 200,
  level: 2,
};
const VIEW: SupportView = {
  open: OPEN,
  delivery: DELIVERY,
  free: [FAR, NEAR],
  carrierAt: null,
  hasRaised: false,
  now: 2_000,
};
const CARRIED: SupportView = {
  ...VIEW,
  open: { ...OPEN, level: 0, reason: 'CARRIER_SILENT', driverId: 'x' },
  delivery: { ...DELIVERY, status: 'PICKED_UP', carrierId: 'x' },
  carrierAt: { lat: 52.4, lng: 4.9 },
};

describe('the ops action on a case', () => {
  test('a delivery without a driver gets one pay raise', () => {
    expect(decideCase(VIEW)).toEqual({ kind: 'raisePay', bonusCents: 200 + RAISE_CENTS });
    expect(decideCase({ ...VIEW, hasRaised: true })).toEqual({ kind: 'wait' });
  });

  test('the last level assigns the nearest driver, if there is one', () => {
    const last = { ...VIEW, open: { ...OPEN, level: 3 }, hasRaised: true };
    expect(decideCase(last)).toEqual({ kind: 'assign', driverId: 'near' });
    expect(decideCase({ ...last, free: [] })).toEqual({ kind: 'wait' });
  });

  test.each(['REASSIGNMENT_OFF', 'PINNED_DRIVER_LOST'] as const)('%s: the search resumes', (reason) => {
    expect(decideCase({ ...VIEW, open: { ...OPEN, reason } })).toEqual({ kind: 'resumeSearch' });
  });

  test('gives a delivery to the driver who holds its goods, or lets the search go on', () => {
    const held: SupportView = {
      ...VIEW,
      open: { ...OPEN, level: 0, reason: 'GOODS_IN_HAND', driverId: 'x' },
    };
    const free = [{ driverId: 'x', place: SHOP }];
    expect(decideCase({ ...held, free })).toEqual({ kind: 'assign', driverId: 'x' });
    expect(decideCase({ ...held, free: [] })).toEqual({ kind: 'resumeSearch' });
    expect(decideCase({ ...held, delivery: { ...held.delivery, carrierId: 'y' } })).toEqual({ kind: 'wait' });
  });

  test.each(['PINNED_DRIVER_SILENT', 'PINNED_DRIVER_STANDS_STILL', 'DRIVER_AT_PICKUP_SILENT'] as const)(
    '%s: the delivery is taken from the driver',
    (reason) => {
      expect(
        decideCase({
          ...VIEW,
          open: { ...OPEN, reason },
          delivery: { ...DELIVERY, status: 'ASSIGNED', carrierId: 'x' },
        }),
      ).toEqual({ kind: 'rescue', driverId: 'x' });
      expect(decideCase({ ...VIEW, open: { ...OPEN, reason } })).toEqual({ kind: 'wait' });
    },
  );

  test.each(['CARRIER_SILENT', 'CARRIER_BROKE_DOWN', 'CARRIER_GAVE_UP'] as const)(
    '%s: the nearest driver takes the goods over at the last position of the carrier',
    (reason) => {
      expect(decideCase({ ...CARRIED, open: { ...CARRIED.open, reason } })).toEqual({
        kind: 'handOver',
        driverId: 'far',
        meeting: { lat: 52.4, lng: 4.9 },
      });
    },
  );

  test('the handover is at the pickup without a position, and never to the carrier', () => {
    expect(decideCase({ ...CARRIED, carrierAt: null })).toEqual({
      kind: 'handOver',
      driverId: 'near',
      meeting: SHOP,
    });
    expect(decideCase({ ...CARRIED, free: [{ driverId: 'x', place: SHOP }] })).toEqual({ kind: 'wait' });
  });

  test('goods without a driver for the handover go back once, after a while', () => {
    const late = { ...CARRIED, free: [], now: CARRIED.open.openedAt + RETURN_AFTER_MS };
    expect(decideCase({ ...late, now: late.now - 1 })).toEqual({ kind: 'wait' });
    expect(decideCase(late)).toEqual({ kind: 'returnGoods' });
    expect(decideCase({ ...late, delivery: { ...late.delivery, status: 'RETURNING' } })).toEqual({
      kind: 'wait',
    });
  });
});

describe('the free drivers', () => {
  const driver = (driverId: string, room: number, at: number | null): OpsDriverView => ({
    driverId,
    availability: 'AVAILABLE',
    room,
    seen: at === null ? null : { place: SHOP, at },
  });

  test('have room and a recent position', () => {
    expect(
      freeDriversOf(
        [
          driver('here', 1, 90_000),
          driver('asked', 0, 99_000),
          driver('gone', 1, 60_000),
          driver('new', 1, null),
        ],
        100_000,
      ),
    ).toEqual([{ driverId: 'here', place: SHOP }]);
  });
});

describe('the desk', () => {
  const done = { ok: true } as const;
  const refused = { ok: false, status: 409, code: 'DRIVER_HAS_NO_ROOM', detail: '' } as const;

  /** A service with one case. The case is closed at the second poll. */
  function desk(view: Pick<SupportView, 'open' | 'delivery'>, answers: Partial<SupportClient> = {}) {
    const [ledger, log, asked]: [Ledger, string[], string[]] = [new Ledger(), [], []];
    const evening = new AbortController();
    const note = async (what: string) => {
      asked.push(what);
      return done;
    };
    const driver: OpsDriverView = {
      driverId: 'near',
      availability: 'AVAILABLE',
      room: 1,
      seen: { place: NEAR.place, at: Date.now() },
    };
    const recordAssignment = async (what: string, deliveryId: string, driverId: string) => ({
      ...(await note(`${what} ${deliveryId}`)),
      assignmentId: 's1',
      driverId,
    });
    let looks = 0;
    const client: SupportClient = {
      unresolved: async () => {
        looks += 1;
        if (looks > 1) evening.abort();
        return { ok: true, cases: looks > 1 ? [] : [view.open] };
      },
      acknowledge: (caseId) => note(`acknowledge ${caseId}`),
      delivery: async () => ({ ok: true, ...view.delivery }),
      driver: async () => ({ ok: true, ...driver }),
      availableDrivers: async () => ({ ok: true, drivers: [driver] }),
      backlog: async () => ({ ok: true, waiting: 1 }),
      assign: (deliveryId, driverId) => recordAssignment('assign', deliveryId, driverId),
      handOver: (deliveryId, { driverId }) => recordAssignment('handOver', deliveryId, driverId),
      raisePay: (deliveryId, bonusCents) => note(`raisePay ${deliveryId} ${bonusCents}`),
      resumeSearch: (deliveryId) => note(`search ${deliveryId}`),
      rescue: (driverId) => note(`rescue ${driverId}`),
      fail: (deliveryId) => note(`fail ${deliveryId}`),
      putFeature: (name) => note(`put ${name}`),
      ...answers,
    };
    return {
      desk: new SimulatedOps({ client, cityId: 'c', ledger, log: (line) => void log.push(line) }),
      evening,
      asked,
      ledger,
      log,
    };
  }

  test('acknowledges a case, acts, and records the acknowledged results', async () => {
    const { desk: ops, evening, asked, ledger } = desk(CARRIED);
    await ops.work(1, evening.signal);
    expect(asked).toEqual(['acknowledge c1', 'handOver d1']);
    expect(ledger.all()).toEqual([
      { kind: 'opsAction', deliveryId: 'd1', entry: 'case_acknowledged' },
      { kind: 'manualAssignment', deliveryId: 'd1', driverId: 'near', assignmentId: 's1' },
    ]);
    expect(ops.counts).toMatchObject({ acknowledged: 1, handedOver: 1, assigned: 0 });
    expect(ops.caseFirstSeenAt('d1', 'CARRIER_SILENT')).toBeDefined();
    expect(ops.caseFirstSeenAt('d1', 'UNASSIGNED')).toBeUndefined();
  });

  test('does not record a refused action, and continues', async () => {
    const {
      desk: ops,
      evening,
      ledger,
      log,
    } = desk(
      { open: { ...OPEN, level: 3, state: 'ACKNOWLEDGED' }, delivery: DELIVERY },
      { assign: async () => refused },
    );
    await ops.work(1, evening.signal);
    expect(ledger.all()).toEqual([]);
    expect(ops.counts.assigned).toBe(0);
    expect(log.join()).toContain('DRIVER_HAS_NO_ROOM');
  });

  test('assigns the nearest driver by hand on request', async () => {
    const { desk: ops, asked } = desk(VIEW);
    expect(await ops.assignNearest('d1', 'a drill')).toBe(true);
    expect(asked).toEqual(['assign d1']);
  });
});

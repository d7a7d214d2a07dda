import { randomInt, randomUUID } from 'node:crypto';
import { Problem, type ProblemCode } from '../../api/http/problems';
import { type Call, call, callAfter, driver, merchant, OPS, type Site, textOf } from './calls';
import type { Draw, Row } from './draw';
import { runEvent } from './world';

/** A P-256 public key and a secret, as browsers send them. */
const KEYS = {
  p256dh: 'BDd3_hVL9fZi9Ybo2UUzA284WG5FZR30_95YeZJsiApwXKpNcF1rRPF3foIiBHXRdJI2Qhumhf6_LFTeZaNndIo',
  auth: 'AAAAAAAAAAAAAAAAAAAAAA',
};
const SQUARE = {
  type: 'Polygon',
  coordinates: [
    [
      [4.9, 49.4],
      [5.1, 49.4],
      [5.1, 49.6],
      [4.9, 49.6],
      [4.9, 49.4],
    ],
  ],
};

/** The middle of a seeded city, on the fifth meridian. */
export function latOf(cityId: string): number {
  return 40 + Number(cityId.slice(5)) * 0.5;
}

/** An order in a city, as its merchant sends it. */
export function newOrder(cityId: string): Record<string, unknown> {
  const lat = latOf(cityId) + (Math.random() - 0.5) * 0.05;
  const stop = (address: string, north: number) => ({
    address,
    point: { lat: lat + north, lng: 5 + (Math.random() - 0.5) * 0.05 },
  });
  return {
    sellerOrderId: randomUUID(),
    cityId,
    pickup: stop('Start', 0),
    dropoff: stop('Finish', 0.02),
    parcelSize: 'SMALL',
    feeCents: 500,
  };
}

/** @throws Error where it is answered, or refused otherwise */
export async function refused(code: ProblemCode, asked: Promise<unknown>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof Problem && error.code === code) return;
    throw error;
  }
  throw new Error(`not refused with ${code}`);
}

/** Every write of drivers, merchants and ops through the API. */
export function writeCalls(site: Site, draw: Draw): Call[] {
  const { api } = site;
  const act = (
    route: string,
    of: () => Row,
    body: (row: Row) => unknown,
    as: (row: Row) => ReturnType<typeof merchant> = () => OPS,
    name = '',
  ): Call =>
    callAfter(
      `${route}${name}`,
      async () => of(),
      (row) => api.ask(route, { params: { id: row.id }, body: body(row), as: as(row) }),
    );
  const own = ({ driverId }: Row) => driver(driverId);
  const step = (of: 'assigned' | 'atPickup' | 'pickedUp' | 'atDropoff' | 'returning', steps: string): Call =>
    callAfter(
      `POST /v2/deliveries/:id/steps ${steps}`,
      async () => draw.one(of),
      (row) =>
        api.ask('POST /v2/deliveries/:id/steps', {
          params: { id: row.id },
          body: { step: steps },
          as: own(row),
        }),
    );
  const byHand = (
    route: string,
    of: () => Promise<Pick<Row, 'id' | 'cityId'>>,
    bodyIn: (cityId: string) => object = () => ({}),
  ): Call =>
    callAfter(
      route,
      () => withFreeDriver(site, of),
      ({ id, driverId, cityId }) =>
        api.ask(route, { params: { id }, body: { driverId, why: 'bench', ...bodyIn(cityId) } }),
    );
  const comingOn = async (): Promise<Row> => {
    const row = draw.one('offDuty');
    await api.ask('POST /v2/drivers/:id/availability', {
      params: { id: row.id },
      body: { availability: 'AVAILABLE' },
      as: own(row),
    });
    return row;
  };
  return [
    act(
      'POST /v2/ops/escalations/:id/acknowledge',
      () => draw.one('cases'),
      () => ({}),
    ),
    act(
      'POST /v2/ops/escalations/:id/resolve',
      () => draw.one('carrierCases'),
      () => ({ note: 'bench' }),
    ),
    call('POST /v2/deliveries', () => {
      const cityId = draw.city();
      return api.ask('POST /v2/deliveries', {
        body: newOrder(cityId),
        as: merchant(draw.one('closed').merchantId),
      });
    }),
    callAfter(
      'POST /v2/deliveries again',
      async () => {
        const [body, as] = [newOrder(draw.city()), merchant(draw.one('closed').merchantId)];
        await api.ask('POST /v2/deliveries', { body, as });
        return { body, as };
      },
      (again) => api.ask('POST /v2/deliveries', again),
    ),
    callAfter(
      'POST /v2/deliveries with another body',
      async () => {
        const [body, as] = [newOrder(draw.city()), merchant(draw.one('closed').merchantId)];
        await api.ask('POST /v2/deliveries', { body, as });
        return { body: { ...body, feeCents: 501 }, as };
      },
      (other) => refused('IDEMPOTENCY_CONFLICT', api.ask('POST /v2/deliveries', other)),
    ),
    callAfter(
      'POST /v2/offers/:id/accept',
      () => offered(site, draw),
      ({ offerId, driverId }) =>
        api.ask('POST /v2/offers/:id/accept', { params: { id: offerId }, as: driver(driverId) }),
    ),
    callAfter(
      'POST /v2/offers/:id/reject',
      () => offered(site, draw),
      ({ offerId, driverId }) =>
        api.ask('POST /v2/offers/:id/reject', {
          params: { id: offerId },
          body: { reason: 'TOO_FAR' },
          as: driver(driverId),
        }),
    ),
    step('returning', 'returnGoods'),
    step('atDropoff', 'deliver'),
    step('pickedUp', 'arriveAtDropoff'),
    step('atPickup', 'pickUp'),
    step('assigned', 'arriveAtPickup'),
    callAfter(
      'POST /v2/deliveries/:id/cancel',
      () => posted(site, draw.city()),
      (id) => api.ask('POST /v2/deliveries/:id/cancel', { params: { id }, as: merchant('merchant-0') }),
    ),
    act(
      'POST /v2/deliveries/:id/fail',
      () => draw.one('pickedUp'),
      () => ({ reason: 'NOT_AT_HOME', goods: 'RETURN' }),
    ),
    callAfter(
      'POST /v2/deliveries/:id/raise-pay',
      () => posted(site, draw.city()),
      (id) =>
        api.ask('POST /v2/deliveries/:id/raise-pay', {
          params: { id },
          body: { bonusCents: 500, why: 'bench' },
        }),
    ),
    act(
      'POST /v2/deliveries/:id/search',
      () => draw.one('held'),
      () => ({ why: 'bench' }),
    ),
    act(
      'POST /v2/deliveries/:id/leave',
      () => draw.one('assigned'),
      () => ({ reason: 'OTHER' }),
      own,
    ),
    byHand(
      'POST /v2/deliveries/:id/assign',
      async () => {
        const { cityId } = draw.one('free');
        return { id: await posted(site, cityId), cityId };
      },
      () => ({ override: false }),
    ),
    byHand(
      'POST /v2/deliveries/:id/hand-over',
      async () => draw.one('pickedUp'),
      (cityId) => ({ meeting: { point: { lat: latOf(cityId), lng: 5 }, address: 'Corner' } }),
    ),
    callAfter(
      'POST /v2/ops/drivers/:id/rescue',
      async () => draw.one('assigned'),
      ({ driverId }) =>
        api.ask('POST /v2/ops/drivers/:id/rescue', { params: { id: driverId }, body: { why: 'bench' } }),
    ),

    ...(['suspend', 'lift-suspension'] as const).flatMap((verb) => [
      callAfter(
        `POST /v2/ops/drivers/:id/${verb}`,
        async () => draw.one('assigned'),
        ({ driverId }) =>
          api.ask(`POST /v2/ops/drivers/:id/${verb}`, { params: { id: driverId }, body: { why: 'bench' } }),
      ),
      act(
        `POST /v2/ops/merchants/:id/${verb}`,
        () => {
          const closed = draw.one('closed');
          return { ...closed, id: closed.merchantId };
        },
        () => ({ why: 'bench' }),
      ),
    ]),

    ...['/drivers/:id/location', '/v2/drivers/:id/location'].map((path) =>
      act(
        `POST ${path}`,
        () => draw.one('free'),
        () => ({
          lat: 40.001,
          lng: 5.001,
          ...(path.startsWith('/v2') ? { at: new Date().toISOString() } : {}),
        }),
        own,
      ),
    ),
    call('POST /v2/drivers', () =>
      api.ask('POST /v2/drivers', {
        body: { cityId: draw.city(), name: 'Bench', vehicleKind: 'CAR', offerVersion: 2 },
      }),
    ),
    callAfter(
      'POST /v2/drivers again',
      async () => {
        const body = {
          driverId: randomUUID(),
          cityId: draw.city(),
          name: 'Bench',
          vehicleKind: 'CAR',
          offerVersion: 2,
        };
        await api.ask('POST /v2/drivers', { body });
        return body;
      },
      (body) => api.ask('POST /v2/drivers', { body }),
    ),
    ...['/drivers/:id/availability', '/v2/drivers/:id/availability'].flatMap((path) => [
      act(
        `POST ${path}`,
        () => draw.one('offDuty'),
        () => ({ availability: 'AVAILABLE' }),
        own,
      ),
      act(
        `POST ${path}/shift/start`,
        () => draw.one('ended'),
        () => ({}),
        own,
      ),
      act(
        `POST ${path}/shift/end`,
        () => draw.one('ended'),
        () => ({}),
        own,
      ),
      callAfter(`POST ${path}/break`, comingOn, (row) =>
        api.ask(`POST ${path}/break`, { params: { id: row.id }, body: { minutes: 15 }, as: own(row) }),
      ),
      act(
        `POST ${path}/break/end`,
        () => draw.one('onBreak'),
        () => ({}),
        own,
      ),
    ]),
    ...['/drivers/:id/availability', '/v2/drivers/:id/availability'].map((path) =>
      callAfter(`POST ${path}/pause and /resume`, comingOn, async (row) => {
        for (const verb of ['pause', 'resume'])
          await api.ask(`POST ${path}/${verb}`, { params: { id: row.id }, as: own(row) });
      }),
    ),
    ...(['zones', 'cities'] as const).flatMap((kind) => zoneActCalls(site, kind)),
    call('PUT /v2/cities/:id', () =>
      api.ask('PUT /v2/cities/:id', {
        params: { id: `new-${randomInt(20)}` },
        body: { name: 'New', timezone: 'UTC', currency: 'EUR', center: { lat: 52, lng: 4 } },
      }),
    ),
    call('PUT /v2/cities/:id again', () => {
      const id = draw.city();
      // A little aside, so that its zones are looked at.
      const center = { lat: latOf(id), lng: 5 + Math.random() / 100 };
      const body = { name: 'City', timezone: 'UTC', currency: 'EUR', center };
      return api.ask('PUT /v2/cities/:id', { params: { id }, body });
    }),
    call('PUT /v2/cities/:id/zones/:zoneId', () =>
      api.ask('PUT /v2/cities/:id/zones/:zoneId', {
        params: { id: 'city-19', zoneId: `new-${randomInt(20)}` },
        body: { name: 'New', area: SQUARE },
      }),
    ),
    call('POST /v2/merchants', () =>
      api.ask('POST /v2/merchants', { body: { merchantId: randomUUID(), name: 'New' } }),
    ),
    call('POST /v2/merchants again', () =>
      api.ask('POST /v2/merchants', { body: { merchantId: 'merchant-1', name: 'Shop' } }),
    ),
    call('PUT /v2/drivers/:id/push-subscription', () => {
      const { id } = draw.one('busy');
      return api.ask('PUT /v2/drivers/:id/push-subscription', {
        params: { id },
        as: driver(id),
        body: { endpoint: `https://push.example.com/${randomUUID()}`, keys: KEYS },
      });
    }),
    callAfter(
      'PUT /v2/drivers/:id/push-subscription, over the limit',
      async () => {
        const { id } = draw.one('busy');
        const put = () =>
          api.ask('PUT /v2/drivers/:id/push-subscription', {
            params: { id },
            as: driver(id),
            body: { endpoint: `https://push.example.com/${randomUUID()}`, keys: KEYS },
          });
        for (let kept = 0; kept < 5; kept += 1) await put();
        return put;
      },
      (put) => put(),
    ),
    call('POST /v2/drivers/:id/push-subscription/remove', () => {
      const { id } = draw.one('busy');
      return api.ask('POST /v2/drivers/:id/push-subscription/remove', {
        params: { id },
        as: driver(id),
        body: { endpoint: 'https://push.example.com/gone' },
      });
    }),
    callAfter(
      'goods of a closed delivery',
      async () => draw.one('closed'),
      ({ id: deliveryId, driverId }) =>
        site.world.services.strandedGoods.report({ deliveryId, driverId, correlationId: 'plans' }),
    ),
    call('POST /v2/ops/erasures of a customer', () =>
      api.ask('POST /v2/ops/erasures', {
        body: { customer: { phone: `+31 6 ${randomInt(1e7, 1e8)}`, name: 'Bench' } },
      }),
    ),
    call('POST /v2/ops/erasures by name', () =>
      api.ask('POST /v2/ops/erasures', { body: { customer: { name: `Bench ${randomInt(1e6)}` } } }),
    ),
    callAfter(
      'GET /v2/ops/erasures/:id, of a driver',
      async () => {
        const { id } = draw.one('ended');
        return textOf(await api.ask('POST /v2/ops/erasures', { body: { driverId: id } }), 'erasureId');
      },
      (id) => api.ask('GET /v2/ops/erasures/:id', { params: { id } }),
    ),
    call('POST /v2/ops/temporal-codec/decode', () =>
      api.ask('POST /v2/ops/temporal-codec/decode', { body: { payloads: [] } }),
    ),
    call('PUT /v2/ops/matching/policies/:name', () =>
      api.ask('PUT /v2/ops/matching/policies/:name', {
        params: { name: 'bench' },
        body: { weights: { lateness: randomInt(10) }, why: 'bench' },
      }),
    ),
    call('PUT /v2/ops/cities/:id/matching', () =>
      api.ask('PUT /v2/ops/cities/:id/matching', {
        params: { id: draw.city() },
        body: {
          live: { name: 'standard', version: null },
          livePercent: randomInt(101),
          shadow: { name: 'standard', version: null },
          why: 'bench',
        },
      }),
    ),
    call('PUT /v2/ops/features/:name', () =>
      api.ask('PUT /v2/ops/features/:name', {
        params: { name: 'escalation' },
        body: { enabled: true, percent: randomInt(101), cities: [draw.city()], plan: null, why: 'bench' },
      }),
    ),
  ];
}

/** On a city in which nobody orders: a stop in force would refuse the orders of other calls. */
function zoneActCalls({ api }: Site, kind: 'zones' | 'cities'): Call[] {
  const made = async (): Promise<string> => {
    const city = { name: 'Acts', timezone: 'UTC', currency: 'EUR', center: { lat: 49.5, lng: 5 } };
    await api.ask('PUT /v2/cities/:id', { params: { id: 'acts' }, body: city });
    const zone = { name: 'Acts', area: SQUARE };
    await api.ask('PUT /v2/cities/:id/zones/:zoneId', {
      params: { id: 'acts', zoneId: 'acts-1' },
      body: zone,
    });
    return kind === 'zones' ? 'acts-1' : 'acts';
  };
  const verb = (name: string, body: Record<string, unknown>): Call => {
    const route = `POST /v2/ops/${kind}/:id/${name}`;
    return callAfter(route, made, (id) =>
      api.ask(route, { params: { id }, body: { ...body, why: 'bench' } }),
    );
  };
  return [
    verb('stop-orders', { minutes: 5, reason: 'WEATHER' }),
    verb('take-orders', {}),
    verb('widen', { minutes: 5 }),
    verb('narrow', {}),
    verb('raise-pay', { bonusCents: 1 }),
    verb('cancel-waiting', { waitingOverMinutes: 1, reason: 'NO_DRIVER' }),
  ];
}

/**
 * A delivery of a list, with a free driver of its city.
 * @throws Error where there is none
 */
async function withFreeDriver(
  { world: { db } }: Site,
  of: () => Promise<Pick<Row, 'id' | 'cityId'>>,
): Promise<{ id: string; driverId: string; cityId: string }> {
  for (let tries = 0; tries < 100; tries += 1) {
    const { id, cityId } = await of();
    const free = await db.driver.findFirst({
      where: { cityId, availability: 'AVAILABLE', liveOffers: 0, activeAssignments: 0 },
      select: { id: true },
    });
    if (free) return { id, driverId: free.id, cityId };
  }
  throw new Error('no driver is free in any city');
}

/**
 * A new order with a live offer.
 * @throws Error where several searches found nobody
 */
async function offered(site: Site, draw: Draw): Promise<{ offerId: string; driverId: string }> {
  const {
    world: { activities, db },
  } = site;
  for (let tries = 0; tries < 20; tries += 1) {
    const deliveryId = await posted(site, draw.one('free').cityId);
    await runEvent(activities, { deliveryId, event: { kind: 'lookForDriver', freed: null } });
    const offer = await db.offer.findFirst({
      where: { deliveryId, state: 'LIVE' },
      select: { id: true, driverId: true },
    });
    if (offer) return { offerId: offer.id, driverId: offer.driverId };
  }
  throw new Error('no driver is free in any city');
}

/** The id of a new delivery of a city. */
export async function posted({ api }: Site, cityId: string): Promise<string> {
  return textOf(
    await api.ask('POST /v2/deliveries', { body: { ...newOrder(cityId), merchantId: 'merchant-0' } }),
    'deliveryId',
  );
}

import { type Call, call, callAfter, driver, merchant, opsOf, type Site, textOf } from './calls';
import type { Draw } from './draw';

/** Every read of the API. */
export function readCalls({ api, world }: Site, draw: Draw): Call[] {
  const list = (
    name: string,
    route: string,
    query: () => Record<string, string>,
    as?: () => ReturnType<typeof merchant>,
  ): Call => call(`${route} ${name}`.trim(), () => api.ask(route, { query: query(), as: as?.() }));
  const byId = (route: string, id: () => string, as?: () => ReturnType<typeof merchant>): Call =>
    call(route, () => api.ask(route, { params: { id: id() }, as: as?.() }));
  const cursorOf = async (route: string, query: Record<string, string>): Promise<string> =>
    textOf(await api.ask(route, { query: { limit: '10', ...query } }), 'nextCursor');
  const page = (name: string, route: string, query: () => Record<string, string>): Call =>
    callAfter(
      `${route} ${name}, next page`.replace(' ,', ','),
      async () => {
        const asked = query();
        return { ...asked, cursor: await cursorOf(route, asked) };
      },
      (asked) => api.ask(route, { query: asked }),
    );
  const day = (ago: number): string => new Date(world.clock() - ago * 86_400_000).toISOString();
  const deliveries = 'GET /v2/deliveries';
  const drivers = 'GET /v2/drivers';
  const cases = 'GET /v2/ops/escalations';
  const audit = 'GET /v2/ops/audit';
  const threeCities = () => opsOf(draw.city(), draw.city(), draw.city());
  return [
    list('all', deliveries, () => ({})),
    page('all', deliveries, () => ({})),
    list('of three cities', deliveries, () => ({}), threeCities),
    list('by state', deliveries, () => ({ status: 'SEARCHING' })),
    list('by a closed state', deliveries, () => ({ status: 'RETURNED' })),
    list('by state of three cities', deliveries, () => ({ status: 'FAILED' }), threeCities),
    list('by city', deliveries, () => ({ cityId: draw.city() })),
    list('by city and state', deliveries, () => ({ cityId: draw.city(), status: 'PENDING' })),
    page('by city and state', deliveries, () => ({ cityId: 'city-0', status: 'DELIVERED' })),
    list('by driver', deliveries, () => ({ driverId: draw.one('closed').driverId })),
    list('by driver and state', deliveries, () => ({
      driverId: draw.one('closed').driverId,
      status: 'FAILED',
    })),
    list('by merchant', deliveries, () => ({ merchantId: draw.one('closed').merchantId })),
    list('by merchant and state', deliveries, () => ({
      merchantId: draw.one('closed').merchantId,
      status: 'AT_DROPOFF',
    })),
    list('by merchant and city', deliveries, () => ({
      merchantId: draw.one('closed').merchantId,
      cityId: draw.city(),
    })),
    list('by merchant’s order', deliveries, () => {
      const { merchantId, sellerOrderId } = draw.one('closed');
      return { merchantId, sellerOrderId };
    }),
    list('by order', deliveries, () => ({ sellerOrderId: draw.one('closed').sellerOrderId })),
    list('by an unknown order', deliveries, () => ({ sellerOrderId: 'order-of-nobody' })),
    list('since', deliveries, () => ({ since: day(1), limit: '100' })),
    list('since, by state', deliveries, () => ({ since: day(30), status: 'CANCELLED' })),
    list('since, by driver', deliveries, () => ({ since: day(30), driverId: draw.one('closed').driverId })),
    list(
      'of a merchant',
      deliveries,
      () => ({}),
      () => merchant(draw.one('closed').merchantId),
    ),
    list(
      'of a merchant, by state',
      deliveries,
      () => ({ status: 'FAILED' }),
      () => merchant(draw.one('closed').merchantId),
    ),
    list(
      'of a merchant, by driver',
      deliveries,
      () => ({ driverId: draw.one('closed').driverId }),
      () => merchant(draw.one('closed').merchantId),
    ),
    list(
      'of a driver',
      deliveries,
      () => ({}),
      () => driver(draw.one('closed').driverId),
    ),
    list(
      'of a driver, by state',
      deliveries,
      () => ({ status: 'ASSIGNED' }),
      () => driver(draw.one('assigned').driverId),
    ),
    byId('GET /v2/deliveries/:id', () => draw.one('closed').id),
    callAfter(
      'GET /v2/deliveries/:id as merchant',
      async () => draw.one('closed'),
      ({ id, merchantId }) => api.ask('GET /v2/deliveries/:id', { params: { id }, as: merchant(merchantId) }),
    ),
    callAfter(
      'GET /v2/deliveries/:id as driver',
      async () => draw.one('closed'),
      ({ id, driverId }) => api.ask('GET /v2/deliveries/:id', { params: { id }, as: driver(driverId) }),
    ),

    list('all', drivers, () => ({})),
    page('all', drivers, () => ({})),
    list('of three cities', drivers, () => ({}), threeCities),
    list('by city', drivers, () => ({ cityId: draw.city() })),
    list('by availability', drivers, () => ({ availability: 'AVAILABLE' })),
    list('by a rare availability', drivers, () => ({ availability: 'PAUSED' })),
    list('by city and availability', drivers, () => ({ cityId: draw.city(), availability: 'BUSY' })),
    page('by availability', drivers, () => ({ availability: 'BUSY' })),
    byId('GET /v2/drivers/:id', () => draw.one('busy').id),
    byId('GET /v2/drivers/:id/state', () => draw.one('busy').id),
    call('GET /v2/me', () => api.ask('GET /v2/me', { as: driver(draw.one('liveOffers').driverId) })),
    byId('GET /v2/drivers/:id/availability', () => draw.one('busy').id),
    byId('GET /drivers/:id/availability', () => draw.one('busy').id),
    call('GET /v2/offers/mine', () =>
      api.ask('GET /v2/offers/mine', { as: driver(draw.one('busy').driverId) }),
    ),
    call('GET /v2/push-key', () => api.ask('GET /v2/push-key', { as: driver(draw.one('busy').driverId) })),

    list('', 'GET /v2/cities', () => ({ limit: '10' })),
    page('', 'GET /v2/cities', () => ({})),
    byId('GET /v2/cities/:id/zones', () => draw.city()),
    call('GET /v2/cities/:id/zones, next page', () =>
      api.ask('GET /v2/cities/:id/zones', {
        params: { id: 'city-3' },
        query: { cursor: 'zone-3-0', limit: '2' },
      }),
    ),

    list('unresolved', cases, () => ({})),
    page('unresolved', cases, () => ({ limit: '2' })),
    list('of three cities', cases, () => ({}), threeCities),
    list('open, level 3', cases, () => ({ state: 'OPEN', level: '3' })),
    list('resolved', cases, () => ({ state: 'RESOLVED' })),
    page('resolved', cases, () => ({ state: 'RESOLVED' })),
    list('resolved, by city', cases, () => ({ state: 'RESOLVED', cityId: draw.city() })),
    list('resolved, by zone', cases, () => ({ state: 'RESOLVED', zoneId: `zone-${draw.city().slice(5)}-1` })),
    list('resolved, of three cities', cases, () => ({ state: 'RESOLVED' }), threeCities),
    list('resolved, by a rare reason', cases, () => ({ state: 'RESOLVED', reason: 'CARRIER_BROKE_DOWN' })),
    list('resolved, by level', cases, () => ({ state: 'RESOLVED', level: '3' })),
    list('resolved, by driver', cases, () => ({
      state: 'RESOLVED',
      driverId: draw.one('driverCases').driverId,
    })),
    list('resolved, by delivery', cases, () => ({
      state: 'RESOLVED',
      deliveryId: draw.one('driverCases').deliveryId,
    })),
    list('resolved, since', cases, () => ({ state: 'RESOLVED', since: day(1) })),
    list('by zone', cases, () => ({ zoneId: `zone-${draw.city().slice(5)}-1` })),
    byId('GET /v2/ops/escalations/:id', () => draw.one('cases').id),
    list('', 'GET /v2/ops/escalation-groups', () => ({})),
    list('of a zone', 'GET /v2/ops/escalation-groups', () => {
      const cityId = draw.city();
      return { cityId, zoneId: `zone-${cityId.slice(5)}-1`, level: '2' };
    }),
    list('of three cities', 'GET /v2/ops/escalation-groups', () => ({}), threeCities),

    list('', 'GET /v2/ops/suspensions', () => ({})),
    callAfter(
      'GET /v2/ops/acts/:id',
      () => world.db.zoneAct.findFirstOrThrow({ select: { id: true } }),
      ({ id }) => api.ask('GET /v2/ops/acts/:id', { params: { id } }),
    ),
    list('', 'GET /v2/ops/features', () => ({})),
    call('GET /v2/ops/features/:name/evaluation', () =>
      api.ask('GET /v2/ops/features/:name/evaluation', {
        params: { name: 'driver_offers' },
        query: { cityId: draw.city(), key: draw.one('closed').id },
      }),
    ),
    list('', 'GET /v2/ops/matching/policies', () => ({})),
    call('GET /v2/ops/cities/:id/matching', () =>
      api.ask('GET /v2/ops/cities/:id/matching', { params: { id: draw.city() } }),
    ),
    list('of a day', 'GET /v2/ops/matching/shadow', () => ({
      cityId: draw.city(),
      policy: 'standard',
      from: day(3),
      to: day(2),
    })),
    list('of a version', 'GET /v2/ops/matching/shadow', () => ({
      cityId: draw.city(),
      policy: 'standard',
      version: '1',
    })),
    list('', 'GET /v2/ops/zones/health', () => ({})),
    list('of one city', 'GET /v2/ops/zones/health', () => ({ cityId: draw.city() })),
    list('fresh', 'GET /v2/ops/zones/health', () => ({ cityId: draw.city(), fresh: 'true' })),
    call('GET /v2/ops/zones/:id/health/history', () =>
      api.ask('GET /v2/ops/zones/:id/health/history', {
        params: { id: `zone-${draw.city().slice(5)}-1` },
        query: { since: day(2), until: day(1) },
      }),
    ),
    call('GET /v2/ops/cities/:id/health/history', () =>
      api.ask('GET /v2/ops/cities/:id/health/history', {
        params: { id: draw.city() },
        query: { since: day(2), until: day(1) },
      }),
    ),

    list('by delivery', audit, () => ({ deliveryId: draw.one('closed').id })),
    list('by driver', audit, () => ({ driverId: draw.one('busy').id })),
    list('by order', audit, () => {
      const { merchantId, sellerOrderId } = draw.one('closed');
      return { merchantId, sellerOrderId };
    }),
    list('by actor', audit, () => ({ actorKind: 'merchant', actorId: draw.one('closed').merchantId })),
    list('by kind', audit, () => ({ kind: 'availability_changed' })),
    list('by city', audit, () => ({ cityId: draw.city(), since: day(20), until: day(10) })),
    list('all', audit, () => ({})),
    page('all', audit, () => ({})),
    list('', 'GET /v2/ops/audit/checks', () => ({ limit: '20' })),
    byId('GET /v2/ops/deliveries/:id/case', () => draw.one('closed').id),
    byId('GET /v2/ops/deliveries/:id/case.csv', () => draw.one('closed').id),
    call('POST /v2/ops/audit/checks', () =>
      api.ask('POST /v2/ops/audit/checks', { body: { deliveryId: draw.one('closed').id } }),
    ),
  ];
}

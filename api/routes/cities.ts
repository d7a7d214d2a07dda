import { z } from 'zod';
import { isCurrency, isLocale } from '../../domain/money/currency';
import { centerProblem, zoneOutside } from '../../domain/orders/cityPlaces';
import { areaOfCity } from '../../domain/orders/orderRules';
import { isCountry } from '../../domain/orders/phone';
import type { ServiceArea } from '../../domain/orders/serviceArea';
import { cityZonesProblem, pointsOf } from '../../domain/zones/cityZones';
import { type ZoneArea, zoneProblem } from '../../domain/zones/zones';
import { Prisma, type PrismaClient } from '../../prisma/client/client';
import { actorOf, type Caller, coversCity } from '../auth/caller';
import type { ApiDeps } from '../deps';
import { type Call, type Endpoint, get, NOTHING, put, type Reply } from '../http/endpoint';
import { cents, currency, limit, line, point, slug } from '../http/fields';
import { Problem } from '../http/problems';

const cityFields = {
  name: line(100),
  timezone: z.string().max(64).refine(isTimezone, 'must be an IANA time zone'),
  currency,
  center: point,
};
const minutes = z
  .array(z.int().min(1).max(1_440))
  .length(3)
  .refine((levels) => levels.every((each, index) => each > (levels[index - 1] ?? 0)), 'must be ascending')
  .meta({ description: 'Minutes without a driver until escalation levels 1, 2 and 3' });
const country = z
  .string()
  .refine(isCountry, 'must be a country of ISO 3166-1, in two capital letters')
  .nullable();
const serviceRadiusMeters = z.int().min(1_000).max(1_000_000).nullable();
const pay = z
  .strictObject({
    baseCents: cents.meta({ description: 'For each job' }),
    centsPerKm: cents,
    centsPerMinute: cents,
    escalationBonusCents: cents.meta({ description: 'What level 2 adds to the pay' }),
    maxCents: cents.meta({ description: 'The most that ops may set, and that bonuses may reach' }),
  })
  .nullable()
  .meta({ description: 'The pay of drivers, in minor units of the currency' });
const locale = z.string().max(35).refine(isLocale, 'must be a language tag such as nl-NL').nullable();
const city = z
  .strictObject({
    ...cityFields,
    locale: locale
      .optional()
      .meta({ description: 'How amounts are written. Null: in English. Omitted: unchanged' }),
    pay: pay.optional().meta({ description: 'Null: the settings apply. Omitted: unchanged' }),
    country: country
      .optional()
      .meta({ description: 'Of local phone numbers. Null: that of the time zone. Omitted: unchanged' }),
    serviceRadiusMeters: serviceRadiusMeters.optional().meta({
      description: 'How far from the centre stops and zones may be. Null: the setting. Omitted: unchanged',
    }),
    escalationMinutes: minutes
      .nullable()
      .optional()
      .meta({ description: 'Null: the global setting applies. Omitted: unchanged' }),
  })
  .meta({ id: 'CityFields' });
const cityView = z
  .strictObject({
    cityId: z.string(),
    ...cityFields,
    locale: locale.meta({ description: 'How amounts are written. Null: in English' }),
    pay: pay.meta({ description: 'Null: the settings apply' }),
    country: country.meta({ description: 'Null: that of the time zone' }),
    serviceRadiusMeters: serviceRadiusMeters.meta({ description: 'Null: the global setting applies' }),
    escalationMinutes: minutes.nullable().meta({ description: 'Null: the global setting applies' }),
  })
  .meta({ id: 'City' });
const cityList = z
  .strictObject({ cities: z.array(cityView), nextCursor: z.string().nullable() })
  .meta({ id: 'CityList' });

/** [lng, lat], with an optional height that is not stored. */
const position = z.array(z.number()).min(2).max(3);
const ring = z.array(position).min(4).max(10_000);
const area = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('Polygon'), coordinates: z.array(ring).min(1).max(100) }),
    z.strictObject({
      type: z.literal('MultiPolygon'),
      coordinates: z.array(z.array(ring).min(1).max(100)).min(1).max(100),
    }),
  ])
  .meta({
    id: 'Area',
    description: 'GeoJSON (RFC 7946): closed rings of [lng, lat], at most 10,000 points in total',
  });

/** The API validates zones. The stored ones are parsed again nevertheless. */
const storedArea: z.ZodType<ZoneArea> = area;

const zoneFields = {
  name: line(100),
  area,
  priority: z
    .int()
    .min(-1_000)
    .max(1_000)
    .default(0)
    .meta({ description: 'Where zones overlap, the higher priority wins' }),
  offerTtlSeconds: z
    .int()
    .min(1)
    .max(3_600)
    .nullable()
    .default(null)
    .meta({ description: 'Time to live of offers in this zone; null: the global setting' }),
};
const zone = z.strictObject(zoneFields).meta({ id: 'ZoneFields' });
const zoneView = z
  .strictObject({ zoneId: z.string(), cityId: z.string(), ...zoneFields })
  .meta({ id: 'Zone' });
const zoneList = z
  .strictObject({ zones: z.array(zoneView), nextCursor: z.string().nullable() })
  .meta({ id: 'ZoneList' });

const byId = z.strictObject({ id: slug });
const page = z.strictObject({
  cursor: slug.optional().meta({ description: 'The nextCursor of the previous page' }),
  limit,
});
const allRoles = ['driver', 'ops', 'merchant', 'customer'] as const;

/** Cities and their zones: readable by all roles, writable by ops (docs/behaviour.md#zones). */
export function cityEndpoints(deps: ApiDeps): Endpoint[] {
  const { db } = deps;
  return [
    get({
      path: '/v2/cities',
      tag: 'cities',
      summary: 'List cities',
      roles: allRoles,
      params: NOTHING,
      query: page,
      replies: { 200: { description: 'One page, ordered by id', schema: cityList } },
      handle: async ({ query }) => {
        const rows = await db.city.findMany({
          where: after(query.cursor),
          orderBy: { id: 'asc' },
          take: query.limit + 1,
        });
        return {
          status: 200,
          body: { cities: rows.slice(0, query.limit).map(showCity), nextCursor: nextOf(rows, query.limit) },
        };
      },
    }),
    put({
      path: '/v2/cities/:id',
      tag: 'cities',
      summary: 'Create or update a city',
      roles: ['ops'],
      params: byId,
      body: city,
      replies: {
        201: { description: 'Created', schema: cityView },
        200: { description: 'Updated', schema: cityView },
      },
      refusals: ['ALREADY_EXISTS', 'INVALID_CENTER', 'UNKNOWN_CURRENCY'],
      handle: (call) => putCity(deps, call),
    }),
    get({
      path: '/v2/cities/:id/zones',
      tag: 'cities',
      summary: 'List the zones of a city',
      roles: allRoles,
      params: byId,
      query: page,
      replies: {
        200: {
          description: 'One page, ordered by id. A city without zones counts as one zone',
          schema: zoneList,
        },
      },
      handle: async ({ params, query }) => {
        await requireCity(db, params.id);
        const rows = await db.zone.findMany({
          where: { cityId: params.id, ...after(query.cursor) },
          orderBy: { id: 'asc' },
          take: query.limit + 1,
        });
        return {
          status: 200,
          body: { zones: rows.slice(0, query.limit).map(showZone), nextCursor: nextOf(rows, query.limit) },
        };
      },
    }),
    put({
      path: '/v2/cities/:id/zones/:zoneId',
      tag: 'cities',
      summary: 'Create or update a zone',
      roles: ['ops'],
      params: z.strictObject({ id: slug, zoneId: slug }),
      body: zone,
      replies: {
        201: { description: 'Created', schema: zoneView },
        200: { description: 'Updated', schema: zoneView },
      },
      refusals: ['ALREADY_EXISTS', 'INVALID_AREA'],
      handle: (call) => putZone(deps, call),
    }),
  ];
}

const noCity = (): Problem => new Problem('NOT_FOUND', 'there is no such city');

function after(id: string | undefined): { id?: { gt: string } } {
  return id === undefined ? {} : { id: { gt: id } };
}

function nextOf(rows: readonly { id: string }[], size: number): string | null {
  return rows.length > size ? (rows[size - 1]?.id ?? null) : null;
}

async function requireCity(db: PrismaClient, id: string): Promise<void> {
  if ((await db.city.count({ where: { id } })) === 0) throw noCity();
}

async function putCity(
  { db, settings, configuration }: ApiDeps,
  { params: { id }, body, caller, correlationId }: Call<{ id: string }, unknown, z.output<typeof city>>,
): Promise<Reply> {
  if (!coversCity(caller, id)) throw noCity();
  const { center, currency: money, escalationMinutes, pay: rates, ...rest } = body;
  // Older clients do not send the field and must not reset it.
  const escalation = escalationMinutes === undefined ? {} : { escalationMinutes: escalationMinutes ?? [] };
  const swapped = centerProblem(center, body.timezone);
  if (swapped !== null) throw new Problem('INVALID_CENTER', swapped);
  const ofPay = rates === undefined ? {} : { pay: rates ?? Prisma.DbNull };
  const fields = { ...rest, ...escalation, ...ofPay, centerLat: center.lat, centerLng: center.lng };
  await requireFittingPlaces(db, settings, id, body);
  const { status, row } = await configuration.change(
    { chain: `city/${id}`, subject: 'city', id, cityId: id },
    { by: actorOf(caller), correlationId },
    async (tx) => {
      const found = await tx.city.findUnique({ where: { id } });
      if (found && found.currency !== money)
        throw new Problem('ALREADY_EXISTS', 'the currency of a city cannot be changed');
      // A city from before codes were checked can be changed otherwise.
      if (!found && !isCurrency(money))
        throw new Problem('UNKNOWN_CURRENCY', `${money} is no currency in use`);
      const row = found
        ? await tx.city.update({ where: { id }, data: fields })
        : await tx.city.create({ data: { id, currency: money, ...fields } });
      const result = { status: found ? 200 : 201, row };
      return { before: found && configuredCity(found), after: configuredCity(row), result };
    },
  );
  return { status, body: showCity(row) };
}

/** What ops configure of a city: not since when it is silent, nor since when it exists. */
function configuredCity({
  silentSince: _,
  createdAt: __,
  ...fields
}: Prisma.CityGetPayload<object>): Record<string, unknown> {
  return fields;
}

/**
 * The zones of a city stay inside its area. Only a change of centre or radius can leave one outside, so that a city
 * from before there was a radius can be changed otherwise.
 */
async function requireFittingPlaces(
  db: PrismaClient,
  { orders }: ApiDeps['settings'],
  cityId: string,
  { center, serviceRadiusMeters: radius }: z.output<typeof city>,
): Promise<void> {
  const before = await db.city.findUnique({ where: { id: cityId }, include: { zones: true } });
  const area = areaOfCity(
    { center, serviceRadiusMeters: radius === undefined ? (before?.serviceRadiusMeters ?? null) : radius },
    orders,
  );
  if (!before || isSameArea(areaOf(before, orders), area)) return;
  for (const { id, polygon } of before.zones) {
    const problem = zoneOutside(storedArea.parse(polygon), area);
    if (problem !== null) throw new Problem('INVALID_CENTER', `zone ${id}: ${problem}`);
  }
}

function areaOf(
  { centerLat, centerLng, serviceRadiusMeters: radius }: Prisma.CityGetPayload<object>,
  limits: ApiDeps['settings']['orders'],
): ServiceArea {
  return areaOfCity({ center: { lat: centerLat, lng: centerLng }, serviceRadiusMeters: radius }, limits);
}

function isSameArea(one: ServiceArea, other: ServiceArea): boolean {
  const isSameCenter = one.center.lat === other.center.lat && one.center.lng === other.center.lng;
  return isSameCenter && one.radiusMeters === other.radiusMeters;
}

type ZoneCall = Call<{ id: string; zoneId: string }, unknown, z.output<typeof zone>>;

async function putZone(
  { db, settings, configuration }: ApiDeps,
  { params: { id: cityId, zoneId }, body, caller, correlationId }: ZoneCall,
): Promise<Reply> {
  const own = await requireOwnCity(db, caller, cityId);
  const { area: drawn, ...rest } = body;
  const flat = withoutHeights(drawn);
  const problem = zoneProblem(flat) ?? zoneOutside(flat, areaOf(own, settings.orders));
  if (problem !== null) throw new Problem('INVALID_AREA', problem);
  const fields = { ...rest, polygon: { type: flat.type, coordinates: flat.coordinates } };
  const status = await configuration.change(
    { chain: `city/${cityId}`, subject: 'zone', id: zoneId, cityId },
    { by: actorOf(caller), correlationId },
    async (tx) => {
      const found = await tx.zone.findUnique({ where: { id: zoneId } });
      if (found && found.cityId !== cityId)
        throw new Problem('ALREADY_EXISTS', 'another city has a zone with this id');
      // Another city may take the id at this moment.
      if (!found)
        await tx.zone.createMany({ data: [{ id: zoneId, cityId, ...fields }], skipDuplicates: true });
      else await tx.zone.update({ where: { id: zoneId }, data: fields });
      const others = await tx.zone.findMany({
        where: { cityId, id: { not: zoneId } },
        select: { polygon: true },
      });
      const tooMuch = cityZonesProblem(pointsOf(flat), {
        others: others.map(({ polygon }) => storedPoints(polygon)),
        before: found && storedPoints(found.polygon),
      });
      if (tooMuch !== null) throw new Problem('INVALID_AREA', tooMuch);
      const row = await tx.zone.findFirst({ where: { id: zoneId, cityId } });
      if (!row) throw new Problem('ALREADY_EXISTS', 'another city has a zone with this id');
      return {
        before: found && configuredZone(found),
        after: configuredZone(row),
        result: found ? 200 : 201,
      };
    },
  );
  return { status, body: { zoneId, cityId, ...rest, area: flat } };
}

/** None where the stored area cannot be read. */
function storedPoints(polygon: unknown): number {
  const { data } = storedArea.safeParse(polygon);
  return data ? pointsOf(data) : 0;
}

function configuredZone({ createdAt: _, ...fields }: Prisma.ZoneGetPayload<object>): Record<string, unknown> {
  return fields;
}

async function requireOwnCity(
  db: PrismaClient,
  caller: Caller,
  cityId: string,
): Promise<Prisma.CityGetPayload<object>> {
  const found = coversCity(caller, cityId) ? await db.city.findUnique({ where: { id: cityId } }) : null;
  if (!found) throw noCity();
  return found;
}

function withoutHeights(drawn: z.output<typeof area>): ZoneArea {
  const flat = (rings: readonly (readonly number[][])[]): number[][][] =>
    rings.map((each) => each.map((place) => place.slice(0, 2)));
  return drawn.type === 'Polygon'
    ? { type: 'Polygon', coordinates: flat(drawn.coordinates) }
    : { type: 'MultiPolygon', coordinates: drawn.coordinates.map(flat) };
}

function showCity({
  id,
  name,
  timezone,
  currency: money,
  centerLat,
  centerLng,
  country: ofPhones,
  serviceRadiusMeters: radius,
  escalationMinutes,
  locale: ofAmounts,
  pay: rates,
}: Prisma.CityGetPayload<object>): unknown {
  return {
    cityId: id,
    name,
    timezone,
    currency: money,
    center: { lat: centerLat, lng: centerLng },
    locale: ofAmounts,
    pay: rates,
    country: ofPhones,
    serviceRadiusMeters: radius,
    escalationMinutes: escalationMinutes.length === 0 ? null : escalationMinutes,
  };
}

function showZone({
  id,
  cityId,
  name,
  polygon,
  priority,
  offerTtlSeconds,
}: Prisma.ZoneGetPayload<object>): unknown {
  return { zoneId: id, cityId, name, area: polygon, priority, offerTtlSeconds };
}

function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

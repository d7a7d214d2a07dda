import { z } from 'zod';
import { AVAILABILITIES } from '../../domain/driver/availability';
import { VEHICLE_KINDS } from '../../domain/driver/vehicles';
import { answersOffers } from '../../domain/matching/candidate';
import { driverStateView } from '../../domain/notices/realtimeEvents';
import { actorOf, type Caller, coversCity } from '../auth/caller';
import { noteShown } from '../commands/offerShown';
import type { ApiDeps } from '../deps';
import { type Call, type Endpoint, get, NOTHING, post, type Reply } from '../http/endpoint';
import { cursor, limit, line, pageOf, phone, slug, uuid } from '../http/fields';
import { Problem } from '../http/problems';
import { findDriver, listDrivers } from '../queries/drivers';
import { driverListView, driverView, showDriver } from '../views/driver';
import { requiresV2 } from './driverProfiles';

const newDriver = z
  .strictObject({
    driverId: uuid
      .optional()
      .meta({ description: 'The subject of the driver’s tokens; generated if omitted' }),
    cityId: slug,
    name: line(100),
    phone,
    vehicleKind: z.enum(VEHICLE_KINDS),
    offerVersion: z
      .int()
      .min(1)
      .max(100)
      .nullable()
      .default(null)
      .meta({
        description:
          'The protocol version of the app. Null or 1: v1, assigned without offers; ' +
          '3: can answer one offer for several deliveries',
      }),
    capacity: z.int().min(1).max(10).default(1).meta({ description: 'The most jobs at the same time' }),
  })
  .meta({ id: 'NewDriver' });

const filters = z.strictObject({
  cityId: slug.optional(),
  availability: z.enum(AVAILABILITIES).optional(),
  cursor: cursor.optional(),
  limit,
});
const byId = z.strictObject({ id: uuid });

/** Drivers: registered and listed by ops. Drivers read their own record. */
export function driverEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    post({
      path: '/v2/drivers',
      tag: 'drivers',
      summary: 'Register a driver',
      roles: ['ops'],
      params: NOTHING,
      body: newDriver,
      repeatNeeds: 'driverId',
      replies: {
        201: { description: 'Registered; the driver is OFFLINE', schema: driverView },
        200: { description: 'The same driver was registered before', schema: driverView },
      },
      refusals: ['UNKNOWN_CITY', 'ALREADY_EXISTS', 'V2_REQUIRED'],
      handle: (call) => register(deps, call),
    }),
    get({
      path: '/v2/drivers',
      tag: 'drivers',
      summary: 'List drivers, newest first',
      roles: ['ops'],
      params: NOTHING,
      query: filters,
      replies: { 200: { description: 'One page', schema: driverListView } },
      handle: async ({ caller, query }) => {
        const { cursor: after, limit: size, ...equal } = query;
        const { rows, nextCursor } = pageOf(
          await listDrivers(deps.db, caller, equal, { after, limit: size }),
          size,
        );
        return { status: 200, body: { drivers: rows.map(showDriver), nextCursor } };
      },
    }),
    get({
      path: '/v2/drivers/:id',
      tag: 'drivers',
      summary: 'Read a driver',
      roles: ['ops', 'driver'],
      params: byId,
      query: NOTHING,
      replies: { 200: { description: 'The driver', schema: driverView } },
      handle: async ({ caller, params }) => ({
        status: 200,
        body: showDriver(await knownDriver(deps, caller, params.id)),
      }),
    }),
    get({
      path: '/v2/drivers/:id/state',
      tag: 'drivers',
      summary: 'Read the current state of a driver: live offer, deliveries, availability',
      roles: ['ops', 'driver'],
      params: byId,
      query: NOTHING,
      replies: {
        200: { description: 'The state that the socket sends on connect', schema: driverStateView },
      },
      handle: async ({ caller, params }) =>
        state(deps, caller, (await knownDriver(deps, caller, params.id)).id),
    }),
    get({
      path: '/v2/me',
      tag: 'drivers',
      summary: 'Read my current state: live offer, deliveries, availability',
      roles: ['driver'],
      params: NOTHING,
      query: NOTHING,
      replies: {
        200: { description: 'The state that the socket sends on connect', schema: driverStateView },
      },
      handle: async ({ caller }) => state(deps, caller, caller.role === 'driver' ? caller.driverId : ''),
    }),
  ];
}

async function register(
  deps: ApiDeps,
  { body, caller, correlationId }: Call<unknown, unknown, z.output<typeof newDriver>>,
): Promise<Reply> {
  const driver = { ...body, driverId: body.driverId ?? deps.newId() };
  const unknownCity = new Problem('UNKNOWN_CITY', `there is no city ${driver.cityId}`);
  if (!coversCity(caller, driver.cityId)) throw unknownCity;
  await requireV2(deps, driver);
  const registered = await deps.registration.register(driver, actorOf(caller), correlationId, deps.clock());
  switch (registered) {
    case 'unknownCity':
      throw unknownCity;
    case 'idTaken':
      throw new Problem('ALREADY_EXISTS', 'another driver has this id');
    case 'new':
    case 'again': {
      const row = await knownDriver(deps, caller, driver.driverId);
      return {
        status: registered === 'new' ? 201 : 200,
        headers: { Location: `/v2/drivers/${row.id}` },
        body: showDriver(row),
      };
    }
  }
}

/** A driver who was registered before may be sent again: a retry is answered as the first time. */
async function requireV2(
  deps: ApiDeps,
  { driverId, offerVersion }: { driverId: string; offerVersion: number | null },
): Promise<void> {
  if (answersOffers(offerVersion) || !requiresV2(deps)) return;
  if ((await deps.db.driver.count({ where: { id: driverId } })) === 0)
    throw new Problem('V2_REQUIRED', 'new drivers need an app with an offerVersion of 2 or more');
}

async function knownDriver(
  { db }: ApiDeps,
  caller: Caller,
  id: string,
): Promise<NonNullable<Awaited<ReturnType<typeof findDriver>>>> {
  const row = await findDriver(db, caller, id);
  if (!row) throw new Problem('NOT_FOUND', 'there is no such driver');
  return row;
}

async function state(deps: ApiDeps, { role }: Caller, driverId: string): Promise<Reply> {
  const body = await deps.driverStates.read(driverId);
  if (!body) throw new Problem('NOT_FOUND', 'there is no such driver');
  if (role === 'driver') await noteShown(deps, body.offer?.offerId ?? null, driverId);
  return { status: 200, body };
}

import { z } from 'zod';
import { VEHICLE_KINDS } from '../../domain/driver/vehicles';
import { actorOf, coversCity } from '../auth/caller';
import type { ApiDeps } from '../deps';
import { type Call, type Endpoint, patch, type Reply } from '../http/endpoint';
import { line, phoneText, slug, uuid } from '../http/fields';
import { Problem } from '../http/problems';
import { findDriver } from '../queries/drivers';
import { driverView, showDriver } from '../views/driver';

const driverChange = z
  .strictObject({
    cityId: slug.optional(),
    name: line(100).optional(),
    phone: phoneText.nullable().optional(),
    vehicleKind: z.enum(VEHICLE_KINDS).optional(),
    capacity: z.int().min(1).max(10).optional(),
    offerVersion: z
      .int()
      .min(1)
      .max(100)
      .nullable()
      .optional()
      .meta({ description: 'What the app understands since its update; a driver may change this only' }),
  })
  .meta({ id: 'DriverChange', description: 'What is left out stays as it is' });

type ChangeCall = Call<{ id: string }, unknown, z.output<typeof driverChange>>;

/** Whether new drivers need an app of v2 by now. */
export function requiresV2({ settings, clock }: Pick<ApiDeps, 'settings' | 'clock'>): boolean {
  return settings.requireV2From !== null && clock() >= settings.requireV2From;
}

/** Changes of registered drivers, by ops; an app reports its own version (docs/behaviour.md#drivers). */
export function driverProfileEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    patch({
      path: '/v2/drivers/:id',
      tag: 'drivers',
      summary: 'Change a driver',
      roles: ['ops', 'driver'],
      params: z.strictObject({ id: uuid }),
      body: driverChange,
      replies: { 200: { description: 'The driver as it is now', schema: driverView } },
      refusals: ['DRIVER_HAS_WORK', 'UNKNOWN_CITY', 'V2_REQUIRED'],
      handle: (call) => change(deps, call),
    }),
  ];
}

async function change(
  deps: ApiDeps,
  { params: { id }, body, caller, correlationId }: ChangeCall,
): Promise<Reply> {
  if (!(await findDriver(deps.db, caller, id))) throw noDriver();
  const asked = given(body);
  if (caller.role === 'driver' && Object.keys(asked).some((field) => field !== 'offerVersion'))
    throw new Problem('FORBIDDEN', 'a driver may change offerVersion only');
  if (asked.cityId !== undefined && !coversCity(caller, asked.cityId))
    throw new Problem('UNKNOWN_CITY', `there is no city ${asked.cityId}`);
  const answer = await deps.driverProfiles.change({
    driverId: id,
    change: asked,
    requiresV2: requiresV2(deps),
    by: actorOf(caller),
    correlationId,
  });
  if (answer.outcome === 'refused') throw new Problem(answer.code, answer.detail);
  // Ops of one city do not see a driver whom they moved to another one that is not theirs: checked above.
  const row = answer.outcome === 'notFound' ? null : await findDriver(deps.db, caller, id);
  if (!row) throw noDriver();
  return { status: 200, body: showDriver(row) };
}

const noDriver = (): Problem => new Problem('NOT_FOUND', 'there is no such driver');

type Given = { [F in keyof ChangeCall['body']]?: Exclude<ChangeCall['body'][F], undefined> };

/** Only what the body names. */
function given(body: ChangeCall['body']): Given {
  const { cityId, name, phone: number, vehicleKind, capacity, offerVersion } = body;
  return {
    ...(cityId === undefined ? {} : { cityId }),
    ...(name === undefined ? {} : { name }),
    ...(number === undefined ? {} : { phone: number }),
    ...(vehicleKind === undefined ? {} : { vehicleKind }),
    ...(capacity === undefined ? {} : { capacity }),
    ...(offerVersion === undefined ? {} : { offerVersion }),
  };
}

import { z } from 'zod';
import type { Position } from '../../services/ports';
import type { Caller } from '../auth/caller';
import type { ApiDeps } from '../deps';
import { type Endpoint, post, type Reply } from '../http/endpoint';
import { instant, point, uuid } from '../http/fields';
import { Problem } from '../http/problems';

const byId = z.strictObject({ id: uuid });
const { lat, lng } = point.shape;

/** v1 clients send the time as ISO 8601 or epoch ms. */
const v1Fix = z
  .strictObject({
    lat,
    lng,
    timestamp: z.union([instant, z.int().min(946_684_800_000).max(4_102_444_800_000)]).optional(),
  })
  .meta({ id: 'V1Location' });

const fix = z
  .strictObject({
    lat,
    lng,
    at: instant.meta({ description: 'By the device clock' }),
    accuracyMeters: z.number().min(0).max(100_000).nullable().default(null),
    speedMps: z.number().min(0).max(200).nullable().default(null),
    headingDegrees: z.number().min(0).max(360).nullable().default(null),
  })
  .meta({ id: 'Fix' });

const batch = z
  .strictObject({
    fixes: z
      .array(fix)
      .min(1)
      .max(100)
      .meta({ description: 'In any order; late fixes are stored as history' }),
  })
  .meta({ id: 'Fixes' });

const replies = {
  200: { description: 'Recorded', schema: z.strictObject({ recorded: z.int() }).meta({ id: 'Recorded' }) },
};
const common = { tag: 'positions', roles: ['driver'], params: byId, limit: 'location', replies } as const;

/** Positions of drivers. Both routes do the same, and neither calls Temporal (docs/behaviour.md#positions). */
export function positionEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    post({
      ...common,
      path: '/drivers/:id/location',
      summary: 'Send my position (v1)',
      body: v1Fix,
      handle: ({ caller, params, body }) =>
        record(deps, caller, params.id, [
          {
            point: { lat: body.lat, lng: body.lng },
            at: body.timestamp ?? deps.clock(),
            accuracyMeters: null,
            speedMps: null,
            headingDegrees: null,
          },
        ]),
    }),
    post({
      ...common,
      path: '/v2/drivers/:id/location',
      summary: 'Send one or more of my positions',
      body: z.union([fix, batch]),
      handle: ({ caller, params, body }) =>
        record(deps, caller, params.id, ('fixes' in body ? body.fixes : [body]).map(positionOf)),
    }),
  ];
}

function positionOf({ lat: north, lng: east, ...rest }: z.output<typeof fix>): Position {
  return { point: { lat: north, lng: east }, ...rest };
}

/** Without a query to PostgreSQL: the token identifies the driver. */
async function record(
  { positions }: ApiDeps,
  caller: Caller,
  driverId: string,
  fixes: readonly Position[],
): Promise<Reply> {
  const isTheirs = caller.role === 'driver' && caller.driverId === driverId;
  if (!isTheirs || (await positions.record(driverId, fixes)) === 'notFound')
    throw new Problem('NOT_FOUND', 'there is no such driver');
  return { status: 200, body: { recorded: fixes.length } };
}

import { z } from 'zod';
import type { Position } from '../../services/ports';
import type { ApiDeps } from '../deps';
import { type Call, type Endpoint, post, type Reply } from '../http/endpoint';
import { deviceInstant, point, uuid } from '../http/fields';
import { fieldErrors } from '../http/fieldErrors';
import { Problem } from '../http/problems';

const byId = z.strictObject({ id: uuid });
const { lat, lng } = point.shape;

const MAX_BATCH = 100;
/** A position known no better than this is vague, however much worse it is. */
const MAX_ACCURACY_METERS = 100_000;

/** v1 clients send the time as ISO 8601 or epoch ms. */
const v1Fix = z
  .strictObject({
    lat,
    lng,
    timestamp: z.union([deviceInstant, z.int().min(0).max(4_102_444_800_000)]).nullish(),
  })
  .meta({ id: 'V1Location' });

/** Phones say −1 for what they do not know. No value of these fields costs the position. */
function measured(max: number, description: string) {
  return z
    .number()
    .nullable()
    .default(null)
    .transform((value) => (value !== null && value >= 0 && value <= max ? value : null))
    .meta({ description: `${description}; null, or a value out of range such as -1: unknown` });
}

const fix = z
  .strictObject({
    lat,
    lng,
    at: deviceInstant.meta({ description: 'By the device clock, whether it is right or not' }),
    accuracyMeters: z
      .number()
      .nullable()
      .default(null)
      .transform((value) => (value !== null && value >= 0 ? Math.min(value, MAX_ACCURACY_METERS) : null))
      .meta({ description: 'The radius in which the driver is; null or negative: unknown' }),
    speedMps: measured(200, '0 to 200'),
    headingDegrees: measured(360, '0 to 360'),
  })
  .meta({ id: 'Fix' });

const batch = z
  .strictObject({
    fixes: z
      .array(fix)
      .min(1)
      .max(MAX_BATCH)
      .meta({ description: 'In any order; late fixes are stored as history. A wrong fix costs only itself' }),
  })
  .meta({ id: 'Fixes' });
/** Its fixes are read one by one. */
const sentBatch = z.strictObject({ fixes: z.array(z.unknown()).min(1).max(MAX_BATCH) });

const refusedFix = z
  .strictObject({
    index: z.int().meta({ description: 'In `fixes`, from 0' }),
    field: z.string().meta({ description: 'Empty for the whole fix' }),
    reason: z.string(),
  })
  .meta({ id: 'RefusedFix' });
type RefusedFix = z.output<typeof refusedFix>;

const replies = {
  200: {
    description: 'Recorded, but for what is refused',
    schema: z
      .strictObject({
        recorded: z.int(),
        refused: z
          .array(refusedFix)
          .optional()
          .meta({ description: 'The wrong fixes of the batch; sending them again changes nothing' }),
      })
      .meta({ id: 'Recorded' }),
  },
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
      handle: ({ body, ...call }) =>
        record(deps, call, [
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
      body: z.union([fix, sentBatch]),
      documentedBody: z.union([fix, batch]),
      handle: async ({ body, ...call }) => {
        if (!('fixes' in body)) return record(deps, call, [positionOf(body)]);
        // Each fix counts, right or wrong.
        const counting = call.spend(body.fixes.length - 1);
        if (counting) await counting;
        const { fixes, refused } = readBatch(body.fixes);
        return record(deps, call, fixes, refused);
      },
    }),
  ];
}

function readBatch(sent: readonly unknown[]): { fixes: Position[]; refused: RefusedFix[] } {
  const fixes: Position[] = [];
  const refused: RefusedFix[] = [];
  sent.forEach((each, index) => {
    const read = fix.safeParse(each);
    if (read.success) return void fixes.push(positionOf(read.data));
    const [first] = fieldErrors(read.error);
    refused.push({ index, field: first?.path ?? '', reason: first?.message ?? 'is not a fix' });
  });
  return { fixes, refused };
}

function positionOf({ lat: north, lng: east, ...rest }: z.output<typeof fix>): Position {
  return { point: { lat: north, lng: east }, ...rest };
}

/** Without a query to PostgreSQL: the token identifies the driver. */
async function record(
  { positions }: ApiDeps,
  { caller, params: { id } }: Pick<Call<z.output<typeof byId>, unknown, unknown>, 'caller' | 'params'>,
  fixes: readonly Position[],
  refused: readonly RefusedFix[] = [],
): Promise<Reply> {
  const isTheirs = caller.role === 'driver' && caller.driverId === id;
  if (!isTheirs || (await positions.record(id, fixes)) === 'notFound')
    throw new Problem('NOT_FOUND', 'there is no such driver');
  return { status: 200, body: { recorded: fixes.length, ...(refused.length > 0 ? { refused } : {}) } };
}

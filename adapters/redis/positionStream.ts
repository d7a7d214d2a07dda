import { z } from 'zod';
import { type Position } from '../../services/ports';

/**
 * An entry of the stream `positions`. `fields` null: it was trimmed before it was archived, or is archived
 * already.
 */
export type StreamEntry = { id: string; fields: Record<string, string> | null };

/**
 * A position as the live map received it. `isLive`: it moved the live position. Instants in epoch ms: `at` by
 * the device's clock, `receivedAt` by ours.
 */
export type ReceivedPosition = Position & { driverId: string; receivedAt: number; isLive: boolean };

const pairs = z
  .array(z.string())
  .transform((list) =>
    Object.fromEntries(list.flatMap((name, i) => (i % 2 === 0 ? [[name, list[i + 1] ?? '']] : []))),
  );
const streamReply = z
  .array(z.tuple([z.string(), z.array(z.tuple([z.string(), pairs.nullable()]))]))
  .nullable();

/** The entries of the one stream in a reply. */
export function entriesOf(reply: unknown): StreamEntry[] {
  return (streamReply.parse(reply) ?? []).flatMap(([, entries]) =>
    entries.map(([id, fields]) => ({ id, fields })),
  );
}

/** What a row can hold: one entry that PostgreSQL refuses would block its whole batch for ever. */
const measured = z
  .string()
  .transform((text) => (text === '' ? null : Number(text)))
  .pipe(z.number().nullable());
const instant = z.coerce.number().min(0).lt(Date.UTC(10_000, 0));
const fixFields = z
  .object({
    driver: z.uuid(),
    at: instant,
    received: instant,
    lat: z.coerce.number().min(-90).max(90),
    lng: z.coerce.number().min(-180).max(180),
    accuracy: measured,
    speed: measured,
    heading: measured,
    live: z.enum(['0', '1']),
  })
  .transform(({ driver, at, received, lat, lng, accuracy, speed, heading, live }): ReceivedPosition => ({
    driverId: driver,
    at,
    receivedAt: received,
    point: { lat, lng },
    accuracyMeters: accuracy,
    speedMps: speed,
    headingDegrees: heading,
    isLive: live === '1',
  }));

/**
 * The position in an entry; undefined for an entry that was trimmed or is malformed, which no retry would
 * mend.
 */
export function positionOf(fields: StreamEntry['fields']): ReceivedPosition | undefined {
  return fixFields.safeParse(fields).data;
}

import { z } from 'zod';
import { type ZoneArea } from '../../domain/zones/zones';

const position = z.array(z.number());
const AREA: z.ZodType<ZoneArea> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('Polygon'), coordinates: z.array(z.array(position)) }),
  z.object({ type: z.literal('MultiPolygon'), coordinates: z.array(z.array(z.array(position))) }),
]);

/** The API validates polygons. The stored ones are parsed again nevertheless. */
export function areaOf(polygon: unknown): ZoneArea {
  return AREA.parse(polygon);
}

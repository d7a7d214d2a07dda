import { z } from 'zod';

/** What main.ts and its two children tell each other, by Node's own channel between parent and child. */

export const LOAD_KINDS = ['v1', 'single', 'batch'] as const;
/** One position to the v1 path; one to the v2 path; twenty at once to the v2 path. */
export type LoadKind = (typeof LOAD_KINDS)[number];

export const loadOrder = z.discriminatedUnion('order', [
  z.object({
    order: z.literal('ride'),
    drivers: z.array(z.object({ driverId: z.string(), token: z.string() })),
    center: z.object({ lat: z.number(), lng: z.number() }),
    connections: z.int(),
  }),
  z.object({ order: z.literal('send'), port: z.int(), kind: z.enum(LOAD_KINDS), seconds: z.number() }),
]);
export type LoadOrder = z.output<typeof loadOrder>;

/** The result of one load order. `refused`: answers other than 200. */
export const loadReport = z.object({
  requests: z.int(),
  positions: z.int(),
  seconds: z.number(),
  refused: z.int(),
  p50Ms: z.number(),
  p99Ms: z.number(),
  cpuSeconds: z.number(),
});
export type LoadReport = z.output<typeof loadReport>;

/** The messages of the bare server: its port, and on request its CPU time so far. */
export const bareMessage = z.object({ port: z.int(), cpuSeconds: z.number() });

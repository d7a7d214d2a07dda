import { z } from 'zod';

/** What main.ts and its two children tell each other, by Node's own channel between parent and child. */

export const LOAD_KINDS = ['v1', 'single', 'batch'] as const;
/** One fix to the address of v1; one to that of v2; twenty at once to that of v2. */
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

/** What came of one order to send. `refused`: answers other than 200. */
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

/** The bare server's only words: where it listens; and, asked anything, how much CPU it used so far. */
export const bareWord = z.object({ port: z.int(), cpuSeconds: z.number() });

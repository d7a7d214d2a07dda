import { z } from 'zod';
import { type Tx } from './database';

/** The outcome of a job: `released`, `escalated`, or a refusal code; `at` in epoch ms. */
export type RescueResult = { outcome: string; at: number | null };

/**
 * A live offer or active assignment that the driver had. `result` null: its delivery has not answered yet.
 */
export type RescueJob = {
  deliveryId: string;
  offerId: string | null;
  assignmentId: string | null;
  result: RescueResult | null;
};
export type Rescue = { rescueId: string; driverId: string; jobs: RescueJob[] };

const jobs = z.array(
  z.object({
    deliveryId: z.string(),
    offerId: z.string().nullable(),
    assignmentId: z.string().nullable(),
    result: z.object({ outcome: z.string(), at: z.number().nullable() }).nullable(),
  }),
);

/** @returns null if the driver has no rescue with this key */
export async function readRescue(tx: Tx, driverId: string, key: string): Promise<Rescue | null> {
  const row = await tx.rescue.findUnique({ where: { driverId_key: { driverId, key } } });
  return row && { rescueId: row.id, driverId, jobs: jobs.parse(row.jobs) };
}

export async function writeRescue(
  tx: Tx,
  { rescueId, driverId, jobs: found }: Rescue,
  { key, byId, why, at }: { key: string; byId: string; why: string; at: number },
): Promise<void> {
  await tx.rescue.create({
    data: {
      id: rescueId,
      driverId,
      key,
      byId,
      why,
      jobs: found.map((job) => ({ ...job })),
      createdAt: new Date(at),
    },
  });
}

/**
 * Reads the jobs under lock and writes their results.
 * @returns the stored jobs; empty for an unknown rescue
 */
export async function changeJobs(
  tx: Tx,
  rescueId: string,
  change: (jobs: RescueJob[]) => RescueJob[],
): Promise<RescueJob[]> {
  const [row] = await tx.$queryRaw<
    { jobs: unknown }[]
  >`SELECT jobs FROM rescues WHERE id = ${rescueId}::uuid FOR UPDATE`;
  if (!row) return [];
  const changed = change(jobs.parse(row.jobs));
  await tx.$executeRaw`UPDATE rescues SET jobs = ${JSON.stringify(changed)}::jsonb WHERE id = ${rescueId}::uuid`;
  return changed;
}

import { type AvailabilityLimits } from '../domain/driver/availability';
import { type Actor } from '../domain/delivery/status';
import { addToDriverChain } from '../adapters/postgres/chainEntries';
import { type Database, type Tx, readerOf } from '../adapters/postgres/database';
import { lockDriver, type ReadDriver } from '../adapters/postgres/deliveryRow';
import { type DriverWork, readDriverWork } from '../adapters/postgres/driverWork';
import { enqueue } from '../adapters/postgres/outbox';
import {
  changeJobs,
  readRescue,
  type Rescue,
  type RescueJob,
  type RescueResult,
  writeRescue,
} from '../adapters/postgres/rescueRows';
import { endDuty } from './endDuty';
import { type Clock, type Features, type NewId } from './ports';

export type { RescueJob, RescueResult };

export type RescueDeps = {
  db: Database;
  features: Features;
  clock: Clock;
  newId: NewId;
  limits: AvailabilityLimits;
  /** Called after a commit that wrote to the outbox. */
  notifyRelay: () => void;
};

/** Who rescues, and why. A repeat with the same `key` is the same rescue. */
export type RescueAsked = { key: string; by: Actor; why: string; correlationId: string };

/** One action of ops that releases every job of a driver (docs/behaviour.md#reassignment, ADR 14). */
export type RescueService = {
  /**
   * Takes the driver off duty and records their jobs. The outbox signals every delivery, even if the caller
   * is gone.
   * @returns null for an unknown driver
   */
  begin(driverId: string, asked: RescueAsked): Promise<Rescue | null>;
  /** Stores the first answer of each delivery, which every repeat returns. @returns the current jobs */
  keepResults(rescueId: string, results: ReadonlyMap<string, RescueResult>): Promise<RescueJob[]>;
};

export function createRescue(deps: RescueDeps): RescueService {
  return {
    begin: async (driverId, asked) => {
      const rescue = await deps.db.$transaction((tx) => beginOnce(tx, deps, driverId, asked));
      if (rescue) deps.notifyRelay();
      return rescue;
    },
    keepResults: (rescueId, results) =>
      deps.db.$transaction((tx) =>
        changeJobs(tx, rescueId, (jobs) =>
          jobs.map((job) => ({ ...job, result: job.result ?? results.get(job.deliveryId) ?? null })),
        ),
      ),
  };
}

/** The lock on the driver's row prevents new work and a second rescue with the same key. */
async function beginOnce(
  tx: Tx,
  deps: RescueDeps,
  driverId: string,
  asked: RescueAsked,
): Promise<Rescue | null> {
  const driver = await lockDriver(readerOf(tx), driverId);
  if (!driver) return null;
  const before = await readRescue(tx, driverId, asked.key);
  if (before) return before;
  const at = deps.clock();
  const work = await readDriverWork(tx, driverId);
  const rescue: Rescue = { rescueId: deps.newId(), driverId, jobs: jobsOf(work) };
  await writeRescue(tx, rescue, { key: asked.key, byId: asked.by.id, why: asked.why, at });
  const noted = await writeRescued(tx, driver, rescue, asked, at);
  await enqueue(tx, driverId, asked.correlationId, await endDuty(tx, deps, noted, work, asked, at));
  for (const { deliveryId, offerId, assignmentId } of rescue.jobs) {
    await enqueue(tx, deliveryId, asked.correlationId, [
      { kind: 'rescue', deliveryId, driverId, offerId, assignmentId, by: asked.by, why: asked.why },
    ]);
  }
  return rescue;
}

function jobsOf({ offers, assignments }: DriverWork): RescueJob[] {
  return [
    ...assignments.map(({ deliveryId, assignmentId }) => ({
      deliveryId,
      offerId: null,
      assignmentId,
      result: null,
    })),
    ...offers.map(({ deliveryId, offerId }) => ({ deliveryId, offerId, assignmentId: null, result: null })),
  ];
}

/** Writes the entry in the driver's chain. @returns the driver with the new chain head */
async function writeRescued(
  tx: Tx,
  driver: ReadDriver,
  { rescueId, jobs }: Rescue,
  { by, why, correlationId }: RescueAsked,
  at: number,
): Promise<ReadDriver> {
  const detail = {
    rescueId,
    jobs: jobs.map(({ deliveryId, offerId, assignmentId }) => ({ deliveryId, offerId, assignmentId })),
  };
  const entry = {
    kind: 'driver_rescued',
    chain: 'driver',
    driverId: driver.facts.driverId,
    actor: by,
    from: null,
    to: null,
    why,
    deviceAt: null,
    detail,
  } as const;
  return { ...driver, auditHash: await addToDriverChain(tx, driver, entry, { at, correlationId }) };
}

import type { Violation } from '../checker/violation';
import type { Demo } from '../../simulator/demo/demo';
import { untilAllEnded } from '../../simulator/demo/demo';
import type { DemoWorld } from '../../simulator/demo/world';
import { pause } from '../../simulator/kit/pause';
import type { Inspection } from '../../simulator/kit/inspection';
import type { FaultClock } from './faults';
import type { Judge } from './judge';
import type { Servers } from './servers';

export type RestoreDrillDeps = {
  servers: Servers;
  inspection: Inspection;
  clock: FaultClock;
  openJudge: () => Promise<Judge>;
  demo: Demo;
  world: DemoWorld;
  log: (line: string) => void;
};

/** `openRows`: the open deliveries of the backup. `seconds`: until they and the new orders had ended. */
export type RestoreResult = { openRows: number; seconds: number; broken: readonly Violation[] };

/** Shops go on ordering for this long after the restore. */
const ORDERS_FOR_MS = 20_000;
const ALL_ENDED_WITHIN_MS = 5 * 60_000;

/**
 * Puts PostgreSQL back to the backup of a minute ago or more, while drivers are at work and shops order. By
 * then every delivery of the backup has ended and its workflow with it. Redis is emptied, as the procedure in
 * docs/operations.md says. Each open row must go on to its end. What was acknowledged after the backup is lost
 * by the nature of the thing, so only what was acknowledged after the restore is judged.
 */
export async function runRestoreDrill(
  { servers, inspection, clock, openJudge, demo, world, log }: RestoreDrillDeps,
  emptyRedis: () => Promise<void>,
  signal: AbortSignal,
): Promise<RestoreResult> {
  log('restoring PostgreSQL from its backup');
  const startedAt = Date.now();
  clock.begin();
  await servers.act('postgres', 'restore');
  await emptyRedis();
  clock.end();
  world.ledger.forget();
  const placedBefore = demo.orders.placed.length;
  const restoredOpen = await openDeliveries(inspection);
  log(`the backup has ${restoredOpen.length} open deliveries`);
  const judge = await openJudge();
  try {
    const checking = new AbortController();
    void judge.keepChecking(AbortSignal.any([signal, checking.signal]));
    const shopsClose = new AbortController();
    const ordering = demo.orders.run(AbortSignal.any([signal, shopsClose.signal]));
    await pause(ORDERS_FOR_MS, signal);
    shopsClose.abort();
    await ordering;
    const newOrders = demo.orders.placed.slice(placedBefore).map(({ deliveryId }) => deliveryId);
    const all = [...restoredOpen, ...newOrders];
    const haveEnded = await untilAllEnded(inspection, all, Date.now() + ALL_ENDED_WITHIN_MS, signal);
    const seconds = Math.round((Date.now() - startedAt) / 1_000);
    const broken = await judge.conclude(world.ledger.all());
    checking.abort();
    const stuck = haveEnded ? [] : (await openDeliveries(inspection)).map(neverEnded);
    return { openRows: restoredOpen.length, seconds, broken: [...broken, ...stuck] };
  } finally {
    await judge.close();
  }
}

async function openDeliveries({ pool }: Inspection): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>('SELECT id FROM deliveries WHERE closed_at IS NULL');
  return rows.map(({ id }) => id);
}

function neverEnded(deliveryId: string): Violation {
  return {
    invariant: 3,
    what: `still open ${ALL_ENDED_WITHIN_MS / 60_000} minutes after the restore`,
    deliveryId,
    driverId: null,
  };
}

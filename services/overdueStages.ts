import { type Actor } from '../domain/delivery/status';
import { type OverdueStage } from '../domain/driver/stageWatch';
import { overdueCase, reminder } from '../domain/support/overdueStage';
import { type Entry } from '../domain/delivery/deliveryState';
import { type Message } from '../domain/notices/message';
import { addToDeliveryChain } from '../adapters/postgres/chainEntries';
import { type Database, type Tx, readerOf } from '../adapters/postgres/database';
import { readDelivery, type ReadDelivery, readOpenCase } from '../adapters/postgres/deliveryRow';
import { enqueue } from '../adapters/postgres/outbox';
import { markStage, openCaseRow } from '../adapters/postgres/stageRows';
import { type Clock, type NewId } from './ports';

export type OverdueStagesDeps = {
  db: Database;
  clock: Clock;
  newId: NewId;
  /** Whether drivers can be reached by web push while their app is closed. */
  pushes: boolean;
  /** Called after a commit that wrote to the outbox. */
  notifyRelay: () => void;
};

export type OverdueStages = {
  /**
   * Reminds the driver, or opens a case for ops, in one transaction with the mark that it was done: a sweep that
   * overlaps, or comes again after a crash, tells nobody twice.
   * @returns whether anybody was told; false too where the stage is over
   */
  tell(stage: OverdueStage, correlationId: string): Promise<boolean>;
};

const SWEEP: Actor = { kind: 'system', id: 'overdue-stage' };

export function createOverdueStages(deps: OverdueStagesDeps): OverdueStages {
  return {
    tell: async (stage, correlationId) => {
      const isTold = await deps.db.$transaction((tx) => tell(tx, deps, stage, correlationId));
      if (isTold) deps.notifyRelay();
      return isTold;
    },
  };
}

/** Locks the delivery's row, as every writer of it does. */
async function tell(
  tx: Tx,
  deps: OverdueStagesDeps,
  stage: OverdueStage,
  correlationId: string,
): Promise<boolean> {
  const delivery = await readDelivery(readerOf(tx), stage.deliveryId, 'lock');
  if (delivery?.facts.status !== stage.stage) return false;
  const now = deps.clock();
  if (stage.tell === 'driver') {
    if (!(await markStage(tx, stage, now))) return false;
    const told = reminder(delivery.facts, stage, { by: SWEEP, now, pushes: deps.pushes });
    await write(tx, delivery, told, { now, correlationId });
    return true;
  }
  if ((await readOpenCase(readerOf(tx), stage.deliveryId)) !== null) return false;
  if (!(await markStage(tx, stage, now))) return false;
  const told = overdueCase(delivery.facts, stage, { by: SWEEP, now, newId: deps.newId });
  await openCaseRow(tx, delivery.facts, told.opened);
  await write(tx, delivery, told, { now, correlationId });
  return true;
}

async function write(
  tx: Tx,
  delivery: ReadDelivery,
  { entry, messages }: { entry: Entry; messages: readonly Message[] },
  { now, correlationId }: { now: number; correlationId: string },
): Promise<void> {
  await addToDeliveryChain(tx, delivery, entry, { at: now, correlationId });
  await enqueue(tx, delivery.facts.deliveryId, correlationId, messages);
}

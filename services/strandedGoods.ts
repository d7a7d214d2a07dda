import { goodsClaimed } from '../domain/support/strandedGoods';
import { isClosed } from '../domain/delivery/status';
import { addToDeliveryChain } from '../adapters/postgres/chainEntries';
import { claimGoodsOf } from '../adapters/postgres/claimedGoods';
import { type Database, type Tx, readerOf } from '../adapters/postgres/database';
import { readDelivery } from '../adapters/postgres/deliveryRow';
import { enqueue } from '../adapters/postgres/outbox';
import { type Clock } from './ports';

type Claim = { deliveryId: string; driverId: string; correlationId: string };

export type StrandedGoods = {
  /**
   * Tells support of the goods of a closed delivery that a driver still has, and keeps it in the audit trail. Once
   * for each assignment; nothing for an open delivery, whose workflow tells ops.
   */
  report(claim: Claim): Promise<void>;
};

export function createStrandedGoods({
  db,
  clock,
  notifyRelay,
}: {
  db: Database;
  clock: Clock;
  /** Called after a commit that wrote to the outbox. */
  notifyRelay: () => void;
}): StrandedGoods {
  return {
    report: async (claim) => {
      if (await db.$transaction((tx) => report(tx, claim, clock()))) notifyRelay();
    },
  };
}

/** @returns whether support are told */
async function report(tx: Tx, { deliveryId, driverId, correlationId }: Claim, now: number): Promise<boolean> {
  const delivery = await readDelivery(readerOf(tx), deliveryId, 'lock');
  if (!delivery || !isClosed(delivery.facts.status)) return false;
  const assignmentId = await claimGoodsOf(tx, { deliveryId, driverId, at: now });
  if (assignmentId === null) return false;
  const { entry, message } = goodsClaimed(delivery.facts, { driverId, assignmentId }, now);
  await addToDeliveryChain(tx, delivery, entry, { at: now, correlationId });
  await enqueue(tx, deliveryId, correlationId, [message]);
  return true;
}

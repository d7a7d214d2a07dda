import { type Actor } from '../../domain/delivery/status';
import { type Suspension, type SuspensionSubject } from '../../domain/driver/suspension';
import { type Message } from '../../domain/notices/message';
import { type Read } from '../../services/ports';
import { sql, type Tx } from './database';

type Row = {
  subject_kind: SuspensionSubject['kind'];
  subject_id: string;
  since: Date;
  by_id: string;
  why: string;
};

const COLUMNS = sql`subject_kind, subject_id, since, by_id, why`;

/** Everybody who is suspended now. They are few, whatever the number of drivers. */
export async function readSuspensions(read: Read): Promise<Suspension[]> {
  const rows = await read<Row>(
    sql`SELECT ${COLUMNS} FROM suspensions WHERE lifted_at IS NULL ORDER BY since, id`,
  );
  return rows.map(suspensionOf);
}

/** @returns null where the subject is not suspended */
export async function readSuspension(
  read: Read,
  { kind, id }: SuspensionSubject,
): Promise<Suspension | null> {
  const [row] = await read<Row>(
    sql`SELECT ${COLUMNS} FROM suspensions
      WHERE subject_kind = ${kind} AND subject_id = ${id} AND lifted_at IS NULL`,
  );
  return row ? suspensionOf(row) : null;
}

/** The caller has locked the row of the driver or merchant. */
export async function insertSuspension(
  tx: Tx,
  id: string,
  { subject, since, byId, why }: Suspension,
): Promise<void> {
  await tx.suspension.create({
    data: { id, subjectKind: subject.kind, subjectId: subject.id, since: new Date(since), byId, why },
  });
}

/** Lifts the open suspension. @returns whether there was one */
export async function liftSuspension(
  tx: Tx,
  { kind, id }: SuspensionSubject,
  { at, byId, why }: { at: number; byId: string; why: string },
): Promise<boolean> {
  const { count } = await tx.suspension.updateMany({
    where: { subjectKind: kind, subjectId: id, liftedAt: null },
    data: { liftedAt: new Date(at), liftedById: byId, liftedWhy: why },
  });
  return count > 0;
}

/** Takes turns with other suspensions of this merchant. @returns whether there is such a merchant */
export async function lockMerchant(tx: Tx, merchantId: string): Promise<boolean> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`suspension/${merchantId}`}, 0))`;
  return (await tx.merchant.count({ where: { id: merchantId } })) === 1;
}

/**
 * Adds one message for each delivery of the merchant that is not over, in one statement: there may be thousands.
 * Its key is the delivery, as of every message to one.
 */
export async function enqueueMerchantSuspended(
  tx: Tx,
  merchantId: string,
  correlationId: string,
  by: Actor,
): Promise<void> {
  const kind: Message['kind'] = 'merchantSuspended';
  await tx.$executeRaw`
    INSERT INTO outbox (kind, key, payload, correlation_id)
    SELECT ${kind}, id::text, jsonb_build_object('deliveryId', id, 'by', ${JSON.stringify(by)}::jsonb),
      ${correlationId}
    FROM deliveries WHERE merchant_id = ${merchantId} AND closed_at IS NULL ORDER BY id`;
}

function suspensionOf({ subject_kind: kind, subject_id: id, since, by_id: byId, why }: Row): Suspension {
  return { subject: { kind, id }, since: since.getTime(), byId, why };
}

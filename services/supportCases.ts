import {
  acknowledgeCase,
  type CaseDecision,
  type HandResolution,
  openCaseByHand,
  resolveCaseByHand,
} from '../domain/support/caseByHand';
import { type Actor, nameOf } from '../domain/delivery/status';
import { type CaseFacts } from '../domain/support/supportCase';
import { type DeliveryFacts } from '../domain/delivery/deliveryState';
import { addToDeliveryChain } from '../adapters/postgres/chainEntries';
import { type Database, type Tx, readerOf } from '../adapters/postgres/database';
import { readDelivery, type ReadDelivery, readOpenCase } from '../adapters/postgres/deliveryRow';
import { enqueue } from '../adapters/postgres/outbox';
import { type Clock, type NewId } from './ports';

export type SupportCasesDeps = {
  db: Database;
  clock: Clock;
  newId: NewId;
  /** Called after a commit that wrote to the outbox. */
  notifyRelay: () => void;
};

/** A refusal is a value. `changed` is false if nothing had to be written. */
export type CaseAnswer =
  | { outcome: 'notFound' }
  | { outcome: 'refused'; code: 'CASE_RESOLVED' | 'CASE_NEEDS_DECISION'; detail: string }
  | { outcome: 'done'; changed: boolean };

/**
 * Operations on support cases outside the events of their deliveries (docs/behaviour.md#escalation). Each is
 * one transaction. A repeat changes nothing.
 */
export type SupportCases = {
  /** Acknowledges the case. The first person to do so keeps it. */
  acknowledge(caseId: string, by: { by: Actor; correlationId: string }): Promise<CaseAnswer>;
  /** Resolves the case. HEARD_AGAIN does not resolve a case whose reason is no longer silence. */
  resolve(
    caseId: string,
    how: { by: Actor; resolution: HandResolution; note: string | null; correlationId: string },
  ): Promise<CaseAnswer>;
  /** Opens a case, unless the delivery has one or is over. */
  open(
    deliveryId: string,
    what: { reason: 'MERCHANT_SUSPENDED'; by: Actor; correlationId: string },
  ): Promise<void>;
};

export function createSupportCases(deps: SupportCasesDeps): SupportCases {
  return {
    acknowledge: (caseId, { by, correlationId }) =>
      change(deps, caseId, { by, note: null, correlationId }, ({ open, wasAcknowledged, delivery, now }) =>
        acknowledgeCase(open, delivery, { by, now, wasAcknowledged }),
      ),
    resolve: (caseId, { by, resolution, note, correlationId }) =>
      change(deps, caseId, { by, note, correlationId }, ({ open, delivery, now }) =>
        resolveCaseByHand(open, delivery, { by, now, resolution, note }),
      ),
    open: async (deliveryId, { reason, by, correlationId }) => {
      const { db, clock, newId, notifyRelay } = deps;
      const isOpened = await db.$transaction(async (tx) => {
        const delivery = await readDelivery(readerOf(tx), deliveryId, 'lock');
        if (!delivery) return false;
        const now = clock();
        const open = await readOpenCase(readerOf(tx), deliveryId);
        const decision = openCaseByHand(open, delivery.facts, { by, now, reason, caseId: newId() });
        if (decision.kind !== 'changed') return false;
        await insertCase(tx, delivery.facts, decision.next);
        await writeEntry(tx, delivery, decision, correlationId, now);
        return true;
      });
      if (isOpened) notifyRelay();
    },
  };
}

async function insertCase(
  tx: Tx,
  { deliveryId, cityId, zoneId }: DeliveryFacts,
  { caseId, level, state, reason, driverId, openedAt, roseAt, isInGroup }: CaseFacts,
): Promise<void> {
  const [opened, rose] = [new Date(openedAt), new Date(roseAt)];
  await tx.escalation.create({
    data: {
      id: caseId,
      deliveryId,
      cityId,
      zoneId,
      level,
      state,
      reason,
      driverId,
      openedAt: opened,
      roseAt: rose,
      inGroup: isInGroup,
    },
  });
}

type Asked = { by: Actor; note: string | null; correlationId: string };
/** `open`: null where it is resolved. `wasAcknowledged`: somebody acknowledged it. */
type Case = { open: CaseFacts | null; wasAcknowledged: boolean; delivery: DeliveryFacts; now: number };
type Decide = (found: Case) => CaseDecision;

async function change(
  { db, clock, notifyRelay }: SupportCasesDeps,
  caseId: string,
  asked: Asked,
  decide: Decide,
): Promise<CaseAnswer> {
  const answer = await db.$transaction((tx) => decideAndWrite(tx, clock, caseId, asked, decide));
  if (answer.outcome === 'done' && answer.changed) notifyRelay();
  return answer;
}

/**
 * Locks the delivery's row, as every writer of its cases does: they change with the delivery, and their
 * entries are in its chain.
 */
async function decideAndWrite(
  tx: Tx,
  clock: Clock,
  caseId: string,
  asked: Asked,
  decide: Decide,
): Promise<CaseAnswer> {
  const found = await tx.escalation.findUnique({ where: { id: caseId }, select: { deliveryId: true } });
  const delivery = found ? await readDelivery(readerOf(tx), found.deliveryId, 'lock') : undefined;
  if (!delivery) return { outcome: 'notFound' };
  const open = await readOpenCase(readerOf(tx), delivery.facts.deliveryId);
  const { acknowledgedBy } = await tx.escalation.findUniqueOrThrow({
    where: { id: caseId },
    select: { acknowledgedBy: true },
  }); // behind the lock
  const now = clock();
  const decision = decide({
    open: open?.caseId === caseId ? open : null,
    wasAcknowledged: acknowledgedBy !== null,
    delivery: delivery.facts,
    now,
  });
  switch (decision.kind) {
    case 'refused':
      return { outcome: 'refused', code: decision.code, detail: decision.detail };
    case 'unchanged':
      return { outcome: 'done', changed: false };
    case 'changed': {
      await write(tx, delivery, decision, asked, now);
      return { outcome: 'done', changed: true };
    }
  }
}

async function write(
  tx: Tx,
  delivery: ReadDelivery,
  decision: Extract<CaseDecision, { kind: 'changed' }>,
  asked: Asked,
  now: number,
): Promise<void> {
  const { next } = decision;
  await tx.escalation.update({ where: { id: next.caseId }, data: rowOf(next, asked, now) });
  await writeEntry(tx, delivery, decision, asked.correlationId, now);
}

/** The entry in the delivery's chain, and the messages. */
async function writeEntry(
  tx: Tx,
  delivery: ReadDelivery,
  { entry, messages }: Extract<CaseDecision, { kind: 'changed' }>,
  correlationId: string,
  now: number,
): Promise<void> {
  await addToDeliveryChain(tx, delivery, entry, { at: now, correlationId });
  await enqueue(tx, delivery.facts.deliveryId, correlationId, messages);
}

function rowOf(
  { state, resolvedAt, resolvedBy, resolution }: CaseFacts,
  { by, note }: Asked,
  now: number,
): object {
  if (state === 'ACKNOWLEDGED') return { state, acknowledgedAt: new Date(now), acknowledgedBy: nameOf(by) };
  return {
    state,
    resolvedAt: resolvedAt === null ? null : new Date(resolvedAt),
    resolvedBy,
    resolution,
    note,
  };
}

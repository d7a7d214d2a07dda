import { type DeliveryFacts } from '../../domain/delivery/deliveryState';
import { type OverdueStage, type PlannedStage } from '../../domain/driver/stageWatch';
import { type CaseFacts } from '../../domain/support/supportCase';
import { type Database, type Tx } from './database';

/**
 * Stores when the stages of assignments should be over, in one statement. Assignments that ended meanwhile are
 * skipped, and so is a stage whose driver an overlapping sweep has reminded.
 */
export async function writeStages(
  db: Database,
  plans: readonly { assignmentId: string; planned: PlannedStage }[],
): Promise<void> {
  if (plans.length === 0) return;
  const rows = plans.map(({ assignmentId, planned: { stage, since, dueAt } }) => ({
    id: assignmentId,
    stage,
    since: new Date(since).toISOString(),
    due_at: new Date(dueAt).toISOString(),
  }));
  await db.$executeRaw`
    UPDATE assignments SET stage = plans.stage, stage_since = plans.since, stage_due_at = plans.due_at,
      stage_reminded_at = NULL, stage_told_at = NULL
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS plans(id uuid, stage text, since timestamptz,
      due_at timestamptz)
    WHERE assignments.id = plans.id AND assignments.state = 'ACTIVE'
      AND (assignments.stage IS DISTINCT FROM plans.stage OR assignments.stage_reminded_at IS NULL)`;
}

/**
 * Marks that the driver, or that ops, are told of this stage. The caller has locked the delivery's row.
 * @returns false where they were told before, or the stage is over
 */
export async function markStage(
  tx: Tx,
  { tell, assignmentId, stage }: OverdueStage,
  at: number,
): Promise<boolean> {
  const now = new Date(at);
  const marked =
    tell === 'driver'
      ? await tx.$executeRaw`
          UPDATE assignments SET stage_reminded_at = ${now} WHERE id = ${assignmentId}::uuid
            AND state = 'ACTIVE' AND stage = ${stage} AND stage_reminded_at IS NULL`
      : await tx.$executeRaw`
          UPDATE assignments SET stage_told_at = ${now} WHERE id = ${assignmentId}::uuid
            AND state = 'ACTIVE' AND stage = ${stage} AND stage_told_at IS NULL`;
  return marked === 1;
}

/** Writes a new case. The caller has locked the delivery's row. */
export async function openCaseRow(
  tx: Tx,
  { deliveryId, cityId, zoneId }: DeliveryFacts,
  { caseId: id, level, state, reason, driverId, openedAt, roseAt, isInGroup: inGroup }: CaseFacts,
): Promise<void> {
  const [opened, rose] = [new Date(openedAt), new Date(roseAt)];
  await tx.escalation.create({
    data: {
      id,
      deliveryId,
      cityId,
      zoneId,
      level,
      state,
      reason,
      driverId,
      openedAt: opened,
      roseAt: rose,
      inGroup,
    },
  });
}

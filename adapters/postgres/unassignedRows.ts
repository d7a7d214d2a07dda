import { type ReachedLevel } from '../../domain/delivery/escalation';
import { type UnassignedRow, type UnassignedRows } from '../../activities/sweeps/escalationCheck';
import { type Database, msOf, numberOf, sql } from './database';

type Row = {
  id: string;
  city_id: string;
  unassigned_ms: bigint;
  unassigned_since: Date | null;
  escalation_level: ReachedLevel;
  escalated_after_ms: bigint | null;
  escalation_minutes: number[];
};

export function createUnassignedRows(db: Database): UnassignedRows {
  return {
    unassigned: async ({ afterId, limit }) => {
      const after = afterId === null ? sql`` : sql`AND d.id > ${afterId}::uuid`;
      const rows = await db.$queryRaw<Row[]>`
        SELECT d.id, d.city_id, d.unassigned_ms, d.unassigned_since, d.escalation_level, d.escalated_after_ms,
          c.escalation_minutes
        FROM deliveries d JOIN cities c ON c.id = d.city_id
        WHERE d.closed_at IS NULL AND d.unassigned_since IS NOT NULL ${after} ORDER BY d.id LIMIT ${limit}`;
      return rows.map(unassignedRow);
    },
    unresolvedCases: () => db.escalation.count({ where: { state: { not: 'RESOLVED' } } }),
  };
}

function unassignedRow(row: Row): UnassignedRow {
  return {
    deliveryId: row.id,
    cityId: row.city_id,
    clock: { accumulatedMs: Number(row.unassigned_ms), runningSince: msOf(row.unassigned_since) },
    escalationLevel: row.escalation_level,
    escalatedAfterMs: numberOf(row.escalated_after_ms),
    cityEscalationMinutes: row.escalation_minutes,
  };
}

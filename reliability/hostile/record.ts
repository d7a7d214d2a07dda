import type { Pool } from 'pg';
import type { CaseReason, CaseResolution, CaseState } from '../../domain/support/supportCase';

/**
 * What PostgreSQL records of a run under hostile conditions, in addition to the deliveries. Instants are
 * epoch ms.
 */
export type RecordedCase = {
  caseId: string;
  deliveryId: string;
  level: number;
  state: CaseState;
  reason: CaseReason | null;
  openedAt: number;
  resolvedAt: number | null;
  resolution: CaseResolution | null;
};

/** The cases of these deliveries, oldest first. */
export async function readCases(pool: Pool, deliveryIds: readonly string[]): Promise<RecordedCase[]> {
  const { rows } = await pool.query<RecordedCase>(
    `SELECT id AS "caseId", delivery_id AS "deliveryId", level, state, reason, ${ms('opened_at')} AS "openedAt",
      ${ms('resolved_at')} AS "resolvedAt", resolution
     FROM escalations WHERE delivery_id = ANY($1::uuid[]) ORDER BY opened_at, id`,
    [[...deliveryIds]],
  );
  return rows;
}

/**
 * When the service detected each lost driver, by assignment id: the time it wrote the outbox message.
 * Excludes drivers who reported it themselves.
 */
export async function readNoticedLosses(
  pool: Pool,
  deliveryIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await pool.query<{ assignmentId: string; at: number }>(
    `SELECT payload->>'assignmentId' AS "assignmentId", min(${ms('created_at')}) AS at FROM outbox
     WHERE kind = 'driverLeft' AND key = ANY($1::text[]) AND payload->>'assignmentId' IS NOT NULL GROUP BY 1`,
    [[...deliveryIds]],
  );
  return new Map(rows.map(({ assignmentId, at }) => [assignmentId, at]));
}

/** Assignments since then without an offer, as in v1, because offers were off. */
export async function assignedDirectly(pool: Pool, since: number): Promise<number> {
  return countOf(
    pool,
    `SELECT count(*)::int AS count FROM assignments
      WHERE way = 'V1' AND choice->>'kind' = 'DIRECT' AND started_at >= to_timestamp($1 / 1000.0)`,
    [since],
  );
}

/** Offers made after `since` and before `until`, where that is given. */
export async function offersMade(
  pool: Pool,
  { since, until = FAR_AHEAD }: { since: number; until?: number },
): Promise<number> {
  return countOf(
    pool,
    `SELECT count(*)::int AS count FROM offers
      WHERE created_at > to_timestamp($1 / 1000.0) AND created_at < to_timestamp($2 / 1000.0)`,
    [since, until],
  );
}

/** Offers made before `at` and accepted after it. */
export async function acceptedAfter(pool: Pool, at: number): Promise<number> {
  return countOf(
    pool,
    `SELECT count(*)::int AS count FROM offers
      WHERE created_at <= to_timestamp($1 / 1000.0) AND ended_at > to_timestamp($1 / 1000.0)
      AND state = 'ACCEPTED'`,
    [at],
  );
}

/** How often a delivery called for a round of its city's matching after `since` (epoch ms). */
export async function roundsCalled(pool: Pool, { since }: { since: number }): Promise<number> {
  return countOf(
    pool,
    `SELECT count(*)::int AS count FROM outbox
      WHERE kind = 'roundDue' AND key NOT LIKE 'driver/%' AND created_at > to_timestamp($1 / 1000.0)`,
    [since],
  );
}

/** How many searches of a delivery have found nobody since it began to wait. */
export async function readSearchRound(pool: Pool, deliveryId: string): Promise<number> {
  const { rows } = await pool.query<{ round: number }>(
    'SELECT search_round AS round FROM deliveries WHERE id = $1::uuid',
    [deliveryId],
  );
  return rows[0]?.round ?? 0;
}

/** Levels reached by any delivery after `since` and before `until`. */
export async function levelsReached(
  pool: Pool,
  { since, until }: { since: number; until: number },
): Promise<number> {
  return countOf(
    pool,
    `SELECT count(*)::int AS count FROM audit_entries
      WHERE kind = 'escalated' AND at > to_timestamp($1 / 1000.0) AND at < to_timestamp($2 / 1000.0)`,
    [since, until],
  );
}

/** The unassigned time of a delivery in ms, and its level. */
export async function readEscalation(
  pool: Pool,
  deliveryId: string,
): Promise<{ unassignedMs: number; level: number }> {
  const { rows } = await pool.query<{ unassignedMs: number; level: number }>(
    `SELECT (unassigned_ms + coalesce(${ms('now()')} - ${ms('unassigned_since')}, 0))::float8 AS "unassignedMs",
      escalation_level AS level FROM deliveries WHERE id = $1::uuid`,
    [deliveryId],
  );
  return rows[0] ?? { unassignedMs: 0, level: 0 };
}

/**
 * The outcome of a delivery whose driver was lost after `since`: it waits for ops, or another driver was
 * offered it or has it; undefined while neither holds.
 */
export async function readFate(
  pool: Pool,
  deliveryId: string,
  since: number,
): Promise<'held' | 'reassigned' | undefined> {
  const { rows } = await pool.query<{ held: boolean; reassigned: boolean }>(
    `SELECT EXISTS (SELECT FROM escalations WHERE delivery_id = $1::uuid AND reason = 'REASSIGNMENT_OFF'
      AND opened_at >= to_timestamp($2 / 1000.0)) AS held,
      EXISTS (SELECT FROM offers WHERE delivery_id = $1::uuid AND created_at >= to_timestamp($2 / 1000.0))
        OR EXISTS (SELECT FROM assignments WHERE delivery_id = $1::uuid
          AND started_at >= to_timestamp($2 / 1000.0)) AS reassigned`,
    [deliveryId, since],
  );
  return rows[0]?.held ? 'held' : rows[0]?.reassigned ? 'reassigned' : undefined;
}

/** The year 2286. */
const FAR_AHEAD = 9_999_999_999_999;

const ms = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;

async function countOf(pool: Pool, text: string, values: readonly number[]): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(text, [...values]);
  return rows[0]?.count ?? 0;
}

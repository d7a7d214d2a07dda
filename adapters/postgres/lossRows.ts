import { v7 as newCorrelationId } from 'uuid';
import { type DeliveryStatus } from '../../domain/delivery/status';
import { type Progress } from '../../domain/driver/loss';
import { type DetectedLoss, type WatchedDriver, type WatchedJob } from '../../domain/driver/lossWatch';
import { type Message } from '../../domain/notices/message';
import { type CaseReason } from '../../domain/support/supportCase';
import { type PlannedStage, type Stage } from '../../domain/driver/stageWatch';
import { type VehicleKind } from '../../domain/driver/vehicles';
import { type Database, msOf, sql } from './database';
import { enqueue } from './outbox';

type Row = {
  id: string;
  city_id: string;
  vehicle_kind: VehicleKind;
  idle_since: Date | null;
  last_lat: number | null;
  last_lng: number | null;
  last_fix_at: Date | null;
} & (JobRow | { assignment_id: null });

type JobRow = {
  assignment_id: string;
  delivery_id: string;
  status: DeliveryStatus;
  started_at: Date;
  ready_at: Date;
  lat: number;
  lng: number;
  to_lat: number;
  to_lng: number;
  nearest_meters: number | null;
  progress_at: Date | null;
  progress_lat: number | null;
  progress_lng: number | null;
  moved_at: Date | null;
  stepped_at: Date | null;
  status_changed_at: Date;
  picked_up_at: Date | null;
  meeting_lat: number | null;
  meeting_lng: number | null;
  stage: Stage | null;
  stage_since: Date | null;
  stage_due_at: Date | null;
  stage_reminded_at: Date | null;
  stage_told_at: Date | null;
  settled_at: Date | null;
  case_id: string | null;
  case_reason: CaseReason | null;
  case_driver_id: string | null;
};

/**
 * A page of the drivers on duty or with work, by id, each with their active assignments. Positions are those
 * of PostgreSQL: thinned, and late.
 * @param afterId the last id of the page before
 */
export async function readWatched(
  db: Database,
  afterId: string | null,
  limit: number,
): Promise<WatchedDriver[]> {
  const after = afterId === null ? sql`` : sql`AND id > ${afterId}::uuid`;
  const rows = await db.$queryRaw<Row[]>`
    SELECT dr.id, dr.city_id, dr.vehicle_kind, dr.idle_since, dr.last_lat, dr.last_lng, dr.last_fix_at,
      a.id AS assignment_id, a.delivery_id, d.status, a.started_at, d.ready_at, s.lat, s.lng,
        t.lat AS to_lat, t.lng AS to_lng, a.nearest_meters, a.progress_at, a.progress_lat, a.progress_lng,
        a.moved_at,
      d.status_changed_at, a.picked_up_at, a.meeting_lat, a.meeting_lng,
        a.stage, a.stage_since, a.stage_due_at, a.stage_reminded_at, a.stage_told_at,
      GREATEST(a.at_pickup_at, a.picked_up_at, a.at_dropoff_at, CASE WHEN d.status = 'RETURNING'
        THEN d.status_changed_at END) AS stepped_at,
      (SELECT max(resolved_at) FROM escalations WHERE delivery_id = a.delivery_id AND driver_id = dr.id
        AND resolution = 'BY_OPS') AS settled_at,
      e.id AS case_id, e.reason AS case_reason, e.driver_id AS case_driver_id
    FROM (SELECT * FROM drivers WHERE (availability IN ('AVAILABLE', 'BUSY')
      OR active_assignments > 0) ${after} ORDER BY id LIMIT ${limit}) dr
    LEFT JOIN (assignments a JOIN deliveries d ON d.id = a.delivery_id JOIN stops s ON s.delivery_id = d.id
      AND s.kind = 'PICKUP' JOIN stops t ON t.delivery_id = d.id AND t.kind = 'DROPOFF')
      ON a.driver_id = dr.id AND a.state = 'ACTIVE'
    LEFT JOIN escalations e ON e.delivery_id = a.delivery_id AND e.state <> 'RESOLVED'
    ORDER BY dr.id, a.started_at`;
  const drivers = new Map<string, WatchedDriver & { jobs: WatchedJob[] }>();
  for (const row of rows) {
    const driver = drivers.get(row.id) ?? { ...driverOf(row), jobs: [] };
    if (row.assignment_id !== null) {
      driver.jobs.push(jobOf(row));
      driver.lastSeenAt = later(driver.lastSeenAt, msOf(row.stepped_at));
    }
    drivers.set(row.id, driver);
  }
  return [...drivers.values()];
}

function driverOf({
  id,
  city_id,
  vehicle_kind,
  idle_since,
  last_lat: lat,
  last_lng: lng,
  last_fix_at,
}: Row): Omit<WatchedDriver, 'jobs'> {
  const place =
    lat === null || lng === null || last_fix_at === null
      ? null
      : { point: { lat, lng }, receivedAt: msOf(last_fix_at) };
  return {
    driverId: id,
    cityId: city_id,
    vehicle: vehicle_kind,
    idleSince: msOf(idle_since),
    lastSeenAt: msOf(last_fix_at),
    place,
  };
}

function later(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}

function jobOf(row: JobRow): WatchedJob {
  const startedAt = msOf(row.started_at);
  const openCase =
    row.case_id === null || row.case_reason === null
      ? null
      : { caseId: row.case_id, reason: row.case_reason, driverId: row.case_driver_id };
  return {
    assignmentId: row.assignment_id,
    deliveryId: row.delivery_id,
    status: row.status,
    startedAt,
    changedAt: Math.max(startedAt, msOf(row.status_changed_at), msOf(row.stepped_at) ?? startedAt),
    settledAt: msOf(row.settled_at),
    readyAt: msOf(row.ready_at),
    pickup: { lat: row.lat, lng: row.lng },
    dropoff: { lat: row.to_lat, lng: row.to_lng },
    meeting: meetingOf(row),
    plan: planOf(row),
    progress: progressOf(row, startedAt),
    openCase,
  };
}

function meetingOf({ meeting_lat: lat, meeting_lng: lng, picked_up_at }: JobRow): WatchedJob['meeting'] {
  return lat === null || lng === null || picked_up_at !== null ? null : { lat, lng };
}

function planOf({ stage, stage_since, stage_due_at, ...row }: JobRow): PlannedStage | null {
  if (stage === null || stage_since === null || stage_due_at === null) return null;
  return {
    stage,
    since: msOf(stage_since),
    dueAt: msOf(stage_due_at),
    remindedAt: msOf(row.stage_reminded_at),
    toldAt: msOf(row.stage_told_at),
  };
}

function progressOf(row: JobRow, startedAt: number): Progress {
  const { nearest_meters: fromMeters, progress_lat: lat, progress_lng: lng } = row;
  const progressAt = msOf(row.progress_at) ?? startedAt;
  return {
    fromMeters,
    progressAt,
    place: lat === null || lng === null ? null : { lat, lng },
    movedAt: msOf(row.moved_at) ?? progressAt,
  };
}

/**
 * Stores how close drivers have come to their pickups, in one statement. Assignments that ended meanwhile are
 * skipped.
 */
export async function writeProgress(
  db: Database,
  updates: readonly { assignmentId: string; progress: Progress }[],
): Promise<void> {
  if (updates.length === 0) return;
  const rows = updates.map(({ assignmentId, progress: { fromMeters, progressAt, place, movedAt } }) => ({
    id: assignmentId,
    nearest_meters: fromMeters,
    progress_at: new Date(progressAt).toISOString(),
    progress_lat: place?.lat ?? null,
    progress_lng: place?.lng ?? null,
    moved_at: new Date(movedAt).toISOString(),
  }));
  await db.$executeRaw`
    UPDATE assignments SET nearest_meters = updates.nearest_meters, progress_at = updates.progress_at,
      progress_lat = updates.progress_lat, progress_lng = updates.progress_lng, moved_at = updates.moved_at
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS updates(id uuid, nearest_meters int,
      progress_at timestamptz, progress_lat float8, progress_lng float8, moved_at timestamptz)
    WHERE assignments.id = updates.id AND state = 'ACTIVE'`;
}

/** Cities whose silence began or ended. Concurrent sweeps report a beginning once. */
type SilenceChanges = { began: string[]; ended: string[] };

/**
 * Stores which cities are silent since `at` (epoch ms) and enqueues the notices, in one transaction.
 * @param canEnd false if it is unknown whether the other cities are active again
 */
export async function storeSilentCities(
  db: Database,
  silent: readonly string[],
  { at, canEnd }: { at: number; canEnd: boolean },
  messagesFor: (changes: SilenceChanges) => readonly Message[],
): Promise<SilenceChanges> {
  return db.$transaction(async (tx) => {
    const began =
      silent.length === 0
        ? []
        : await tx.$queryRaw<{ id: string }[]>`
      UPDATE cities SET silent_since = ${new Date(at)} WHERE id = ANY(${[...silent]})
        AND silent_since IS NULL RETURNING id`;
    const ended = !canEnd
      ? []
      : await tx.$queryRaw<{ id: string }[]>`
      UPDATE cities SET silent_since = NULL WHERE silent_since IS NOT NULL AND id <> ALL(${[...silent]})
        RETURNING id`;
    const changes = { began: began.map(({ id }) => id), ended: ended.map(({ id }) => id) };
    await enqueue(tx, 'lost-drivers', newCorrelationId(), messagesFor(changes));
    return changes;
  });
}

/**
 * Enqueues losses for their deliveries. While an earlier message about the same assignment is unsent, no
 * other is added.
 * @returns the losses that were enqueued
 */
export async function enqueueLosses(db: Database, losses: readonly DetectedLoss[]): Promise<DetectedLoss[]> {
  if (losses.length === 0) return [];
  return db.$transaction(async (tx) => {
    const waiting = await tx.$queryRaw<{ assignmentId: string }[]>`
      SELECT payload->>'assignmentId' AS "assignmentId" FROM outbox
      WHERE key = ANY(${losses.map(({ deliveryId }) => deliveryId)}) AND sent_at IS NULL
        AND kind = 'driverLeft'`;
    const alreadyQueued = new Set(waiting.map(({ assignmentId }) => assignmentId));
    const added = losses.filter(({ assignmentId }) => !alreadyQueued.has(assignmentId));
    for (const loss of added)
      await enqueue(tx, loss.deliveryId, newCorrelationId(), [{ kind: 'driverLeft', ...loss }]);
    return added;
  });
}

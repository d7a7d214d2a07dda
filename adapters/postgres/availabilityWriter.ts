import { type DriverFacts } from '../../domain/driver/availability';
import { type AvailabilityChange } from '../../domain/driver/availabilityChange';
import { type Actor } from '../../domain/delivery/status';
import { writeDriverEntry } from './chainEntries';
import { type Tx } from './database';
import { type ReadDriver } from './deliveryRow';

/** Who changed a driver's availability, when (epoch ms), and under which correlation id. */
export type ChangeTrace = { by: Actor; at: number; correlationId: string };

/**
 * Writes a change of a locked driver, with its entry in the driver's audit chain. The version rises, so that
 * the live map refuses older updates.
 */
export async function writeAvailability(
  tx: Tx,
  { facts, auditHash }: ReadDriver,
  change: AvailabilityChange,
  trace: ChangeTrace,
): Promise<void> {
  const head = await writeEntry(tx, { facts, auditHash }, change, trace);
  const { driverId, availability, availabilityUntil, availabilityReason, pending, shiftEndsAt } = change.next;
  const written = await tx.$executeRaw`
    UPDATE drivers SET availability = ${availability}, availability_until = ${dateOf(availabilityUntil)},
      availability_reason = ${availabilityReason},
      pending = ${pending === null ? null : JSON.stringify(pending)}::jsonb,
        shift_ends_at = ${dateOf(shiftEndsAt)}, audit_hash = ${head},
      availability_version = availability_version + 1,
      idle_since = CASE WHEN ${availability} <> 'AVAILABLE' THEN NULL WHEN availability = 'AVAILABLE'
        THEN idle_since ELSE ${new Date(trace.at)}::timestamptz END
    WHERE id = ${driverId}::uuid AND availability = ${change.from}`;
  if (written !== 1) throw new Error(`driver ${driverId} was not ${change.from} although locked`);
}

async function writeEntry(
  tx: Tx,
  driver: ReadDriver,
  { from, to, why, next }: AvailabilityChange,
  { by, at, correlationId }: ChangeTrace,
): Promise<Uint8Array | null> {
  const entry = {
    kind: 'availability_changed',
    chain: 'driver',
    driverId: driver.facts.driverId,
    actor: by,
    from,
    to,
    why,
    deviceAt: null,
    detail: detailOf(next),
  } as const;
  return writeDriverEntry(tx, driver, entry, { at, correlationId });
}

function detailOf({
  availabilityUntil: until,
  availabilityReason: reason,
  pending,
  shiftEndsAt,
}: DriverFacts): Record<string, unknown> {
  return { until: isoOf(until), reason, pending, shiftEndsAt: isoOf(shiftEndsAt) };
}

const dateOf = (at: number | null): Date | null => (at === null ? null : new Date(at));
const isoOf = (at: number | null): string | null => dateOf(at)?.toISOString() ?? null;

import { validate as isUuid } from 'uuid';
import { type Availability } from '../../domain/driver/availability';
import { type VehicleKind } from '../../domain/driver/vehicles';
import { type MapEntry, type Read } from '../../services/ports';
import { type Database, msOf, sql } from './database';

/** A driver's entry for the live map, and since when they are AVAILABLE without work. */
export type DutyRow = { entry: MapEntry; idleSince: number | null };

type Row = {
  id: string;
  city_id: string;
  availability: Availability;
  has_room: boolean;
  vehicle_kind: VehicleKind;
  availability_version: bigint | string;
  idle_since: Date | null;
  last_lat: number | null;
  last_lng: number | null;
  last_fix_at: Date | null;
  newest_at: Date | null;
};

/**
 * last_fix_at is the time of receipt. The newest position of the history gives the device's time, so that
 * late positions stay late after Redis was lost.
 */
const COLUMNS = sql`drivers.id, drivers.city_id, drivers.availability, drivers.vehicle_kind,
  drivers.pending IS NULL AND drivers.live_offers + drivers.active_assignments < drivers.capacity AS has_room,
  drivers.availability_version, drivers.idle_since, drivers.last_lat, drivers.last_lng, drivers.last_fix_at,
  (SELECT max(at) FROM position_fixes WHERE driver_id = drivers.id) AS newest_at`;

/** What a statement that changes drivers returns of them, for `writtenEntry`. */
export const WRITTEN_ENTRY = COLUMNS.text;

/** Instants in JSON are texts. */
export type WrittenDriver = Omit<Row, 'idle_since' | 'last_fix_at' | 'newest_at'> & {
  last_fix_at: string | null;
  newest_at: string | null;
};

/** The map entry of a driver as a statement wrote it. */
export function writtenEntry(row: WrittenDriver): MapEntry {
  const dateOf = (text: string | null): Date | null => (text === null ? null : new Date(text));
  return dutyRow({
    ...row,
    idle_since: null,
    last_fix_at: dateOf(row.last_fix_at),
    newest_at: dateOf(row.newest_at),
  }).entry;
}

/** The map entries of these drivers. Unknown and malformed ids are left out. */
export async function readMapEntries(read: Read, driverIds: readonly string[]): Promise<MapEntry[]> {
  const rows = await read<Row>(
    sql`SELECT ${COLUMNS} FROM drivers WHERE id = ANY(${driverIds.filter((id) => isUuid(id))}::uuid[])
      AND erased_at IS NULL`,
  );
  return rows.map((row) => dutyRow(row).entry);
}

/**
 * A page of the drivers on duty (AVAILABLE or BUSY), by id.
 * @param afterId the last id of the page before
 */
export async function readOnDuty(db: Database, afterId: string | null, limit: number): Promise<DutyRow[]> {
  const after = afterId === null ? sql`` : sql`AND id > ${afterId}::uuid`;
  const rows = await db.$queryRaw<Row[]>`
    SELECT ${COLUMNS} FROM drivers WHERE availability IN ('AVAILABLE', 'BUSY') ${after} ORDER BY id
      LIMIT ${limit}`;
  return rows.map(dutyRow);
}

function dutyRow(row: Row): DutyRow {
  const {
    id: driverId,
    city_id: cityId,
    availability,
    has_room: hasRoom,
    vehicle_kind: vehicle,
    availability_version: version,
  } = row;
  return {
    entry: {
      driverId,
      cityId,
      availability,
      hasRoom,
      vehicle,
      version: Number(version),
      lastFix: lastFixOf(row),
    },
    idleSince: msOf(row.idle_since),
  };
}

function lastFixOf({
  last_lat: lat,
  last_lng: lng,
  last_fix_at: receivedAt,
  newest_at: newestAt,
}: Row): MapEntry['lastFix'] {
  if (lat === null || lng === null || receivedAt === null) return null;
  return { point: { lat, lng }, at: msOf(newestAt ?? receivedAt), receivedAt: msOf(receivedAt) };
}

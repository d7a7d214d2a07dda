import type { Prisma, PrismaClient } from '../../prisma/client/client';
import type { Caller } from '../auth/caller';
import { driversOf } from './scope';

const DRIVER = {
  id: true,
  cityId: true,
  name: true,
  phone: true,
  phoneE164: true,
  vehicleKind: true,
  offerVersion: true,
  capacity: true,
  liveOffers: true,
  activeAssignments: true,
  availability: true,
  availabilityUntil: true,
  availabilityReason: true,
  pending: true,
  shiftEndsAt: true,
  lastLat: true,
  lastLng: true,
  lastFixAt: true,
  createdAt: true,
} satisfies Prisma.DriverSelect;

export type DriverRow = Prisma.DriverGetPayload<{ select: typeof DRIVER }>;

/** @returns null where the caller can see no such driver */
export function findDriver(db: PrismaClient, caller: Caller, id: string): Promise<DriverRow | null> {
  return db.driver.findFirst({ where: { AND: [{ id }, driversOf(caller)] }, select: DRIVER });
}

export async function driverExists(db: PrismaClient, caller: Caller, id: string): Promise<boolean> {
  return (await db.driver.count({ where: { AND: [{ id }, driversOf(caller)] } })) === 1;
}

/** Those of these drivers whom the caller can see. */
export async function driversAmong(
  db: PrismaClient,
  caller: Caller,
  ids: readonly string[],
): Promise<string[]> {
  const where = { AND: [{ id: { in: [...ids] } }, driversOf(caller)] };
  return (await db.driver.findMany({ where, select: { id: true } })).map(({ id }) => id);
}

/** One page, newest first, plus one row if there are more. */
export function listDrivers(
  db: PrismaClient,
  caller: Caller,
  filters: { cityId?: string; availability?: string },
  page: { after?: string; limit: number },
): Promise<DriverRow[]> {
  const after = page.after === undefined ? {} : { id: { lt: page.after } };
  return db.driver.findMany({
    where: { AND: [driversOf(caller), filters, after] },
    select: DRIVER,
    orderBy: { id: 'desc' },
    take: page.limit + 1,
  });
}

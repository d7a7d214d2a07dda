import { Prisma } from '../../prisma/client/client';
import type { Caller } from '../auth/caller';

/**
 * The condition for the deliveries that a caller may see. Every query has it, so that requests for another
 * tenant's resources return 404 (docs/behaviour.md#access).
 */
export function deliveriesOf(caller: Caller): Prisma.DeliveryWhereInput {
  switch (caller.role) {
    case 'driver':
      return { driverId: caller.driverId };
    case 'ops':
      return caller.cities === 'all' ? {} : { cityId: { in: [...caller.cities] } };
    case 'merchant':
      return { merchantId: caller.merchantId };
    case 'customer':
    case 'tracking':
      return NO_ROW;
  }
}

/** The same condition for raw SQL on `deliveries`. */
export function deliveryIsOf(caller: Caller): Prisma.Sql {
  switch (caller.role) {
    case 'driver':
      return Prisma.sql`driver_id = ${caller.driverId}::uuid`;
    case 'ops':
      return caller.cities === 'all'
        ? Prisma.sql`true`
        : Prisma.sql`city_id = ANY(${[...caller.cities]}::text[])`;
    case 'merchant':
      return Prisma.sql`merchant_id = ${caller.merchantId}`;
    case 'customer':
    case 'tracking':
      return Prisma.sql`false`;
  }
}

export function driversOf(caller: Caller): Prisma.DriverWhereInput {
  switch (caller.role) {
    case 'driver':
      return { id: caller.driverId, erasedAt: null };
    case 'ops':
      return caller.cities === 'all' ? {} : { cityId: { in: [...caller.cities] } };
    case 'merchant':
    case 'customer':
    case 'tracking':
      return NO_ROW;
  }
}

/** The condition for the cases of the support queue, which only ops may see. */
export function escalationsOf(caller: Caller): Prisma.EscalationWhereInput {
  if (caller.role !== 'ops') return NO_ROW;
  return caller.cities === 'all' ? {} : { cityId: { in: [...caller.cities] } };
}

/** The same condition for raw SQL on `escalations e`. */
export function escalationIsOf(caller: Caller): Prisma.Sql {
  if (caller.role !== 'ops') return Prisma.sql`false`;
  return caller.cities === 'all'
    ? Prisma.sql`true`
    : Prisma.sql`e.city_id = ANY(${[...caller.cities]}::text[])`;
}

/** Matches no row. */
const NO_ROW = { id: { in: [] } };

import { Prisma } from '../../prisma/client/client';
import type { Caller } from '../auth/caller';

/**
 * What a caller may see, as a part of every query: what belongs to another is not found
 * (docs/behaviour.md#access).
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
      return NOBODY;
  }
}

/** The same as a condition of a statement written by hand, on the row of `deliveries`. */
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
      return Prisma.sql`false`;
  }
}

export function driversOf(caller: Caller): Prisma.DriverWhereInput {
  switch (caller.role) {
    case 'driver':
      return { id: caller.driverId };
    case 'ops':
      return caller.cities === 'all' ? {} : { cityId: { in: [...caller.cities] } };
    case 'merchant':
    case 'customer':
      return NOBODY;
  }
}

/** Cases of the support queue: for ops alone. */
export function escalationsOf(caller: Caller): Prisma.EscalationWhereInput {
  if (caller.role !== 'ops') return NOBODY;
  return caller.cities === 'all' ? {} : { cityId: { in: [...caller.cities] } };
}

/** Holds for no row. */
const NOBODY = { id: { in: [] } };

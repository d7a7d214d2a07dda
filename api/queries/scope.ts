import type { Prisma } from '../../prisma/client/client';
import type { Caller } from '../caller';

/** What a caller may see, as a part of every query: what belongs to another is not found (spec 13). */
export function deliveriesOf(caller: Caller): Prisma.DeliveryWhereInput {
  switch (caller.role) {
    case 'driver': return { driverId: caller.driverId };
    case 'ops': return caller.cities === 'all' ? {} : { cityId: { in: [...caller.cities] } };
    case 'merchant': return { merchantId: caller.merchantId };
    case 'customer': return NOBODY;
  }
}

export function driversOf(caller: Caller): Prisma.DriverWhereInput {
  switch (caller.role) {
    case 'driver': return { id: caller.driverId };
    case 'ops': return caller.cities === 'all' ? {} : { cityId: { in: [...caller.cities] } };
    case 'merchant':
    case 'customer': return NOBODY;
  }
}

/** Cases of the support queue: for ops alone. */
export function escalationsOf(caller: Caller): Prisma.EscalationWhereInput {
  if (caller.role !== 'ops') return NOBODY;
  return caller.cities === 'all' ? {} : { cityId: { in: [...caller.cities] } };
}

/** Holds for no row. */
const NOBODY = { id: { in: [] } };

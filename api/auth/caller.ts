import type { Actor } from '../../domain/delivery/status';

export const ROLES = ['driver', 'ops', 'merchant', 'customer'] as const;
export type Role = (typeof ROLES)[number];

/** Who asks, by their token. Ops may be limited to cities. */
export type Caller =
  | { role: 'driver'; subject: string; driverId: string }
  | { role: 'ops'; subject: string; cities: readonly string[] | 'all' }
  | { role: 'merchant'; subject: string; merchantId: string }
  | { role: 'customer'; subject: string };

/** Who stands in the audit trail. */
export function actorOf(caller: Caller): Actor {
  switch (caller.role) {
    case 'driver':
      return { kind: 'driver', id: caller.driverId };
    case 'ops':
      return { kind: 'ops', id: caller.subject };
    case 'merchant':
      return { kind: 'merchant', id: caller.merchantId };
    case 'customer':
      return { kind: 'customer', id: caller.subject };
  }
}

/**
 * Whether what belongs to this city may be touched: ops within their cities, everybody else by what is
 * theirs.
 */
export function coversCity(caller: Caller, cityId: string): boolean {
  return caller.role !== 'ops' || caller.cities === 'all' || caller.cities.includes(cityId);
}

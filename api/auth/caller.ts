import type { Actor } from '../../domain/delivery/status';
import type { SuspensionSubject } from '../../domain/driver/suspension';

export const ROLES = ['driver', 'ops', 'merchant', 'customer'] as const;
export type Role = (typeof ROLES)[number];

/** The caller, as identified by the token. Ops may be limited to cities. */
export type Caller =
  | { role: 'driver'; subject: string; driverId: string }
  | { role: 'ops'; subject: string; cities: readonly string[] | 'all' }
  | { role: 'merchant'; subject: string; merchantId: string }
  | { role: 'customer'; subject: string }
  /** Whoever holds the tracking token of one delivery. */
  | { role: 'tracking'; subject: string; deliveryId: string };

/** The actor in the audit trail. */
export function actorOf(caller: Caller): Actor {
  switch (caller.role) {
    case 'driver':
      return { kind: 'driver', id: caller.driverId };
    case 'ops':
      return { kind: 'ops', id: caller.subject };
    case 'merchant':
      return { kind: 'merchant', id: caller.merchantId };
    case 'customer':
    case 'tracking':
      return { kind: 'customer', id: caller.subject };
  }
}

/** Whether the caller may act in this city. Only ops are limited by city; other roles are limited by ownership. */
export function coversCity(caller: Caller, cityId: string): boolean {
  return caller.role !== 'ops' || caller.cities === 'all' || caller.cities.includes(cityId);
}

/** Whether there is a city in which the caller may act. Ops whose token names none may do nothing anywhere. */
export function coversAnyCity(caller: Caller): boolean {
  return caller.role !== 'ops' || caller.cities === 'all' || caller.cities.length > 0;
}

/** Who may be suspended behind this caller; null: nobody. */
export function suspendableOf(caller: Caller): SuspensionSubject | null {
  switch (caller.role) {
    case 'driver':
      return { kind: 'driver', id: caller.driverId };
    case 'merchant':
      return { kind: 'merchant', id: caller.merchantId };
    case 'ops':
    case 'customer':
    case 'tracking':
      return null;
  }
}

import { v5 as uuidFrom } from 'uuid';
import type { Point } from '../../domain/geo/places';
import type { Secret } from './judge';

/** One tenant: a city with its own merchant, drivers and ops. Its data is visible to nobody else. */
export type Tenant = {
  name: string;
  cityId: string;
  merchantId: string;
  center: Point;
  drivers: readonly { driverId: string; name: string; isV1: boolean }[];
  orderSecret: string;
};

const DRIVER_IDS = '3d8a7a0e-51e6-5b53-9a53-2a6f0f3b9c11';
const NAMES = ['amber', 'birch', 'cedar'] as const;
/**
 * No request contains an id of this tenant unless it is its own: where one appears, it was leaked and not
 * echoed.
 */
const HIDDEN = 'cedar';
const DRIVERS_EACH = 3;

/** A caller, with known rights: the secrets they may see. */
export type CallerKind = { name: string } & (
  | { role: 'driver'; driverId: string }
  | { role: 'merchant'; merchantId: string }
  | { role: 'ops'; cities: '*' | readonly string[] }
  | { role: 'nobody'; token: 'none' | 'garbage' | 'foreign' | 'expired' | 'customer' }
);

/**
 * Deterministic for a seed.
 * @param mark makes secrets and ids unique to this run
 */
export function tenantsOf(mark: string): Tenant[] {
  return NAMES.map((name, at) => ({
    name,
    cityId: `fuzz-${name}`,
    merchantId: `shop-${name}`,
    center: { lat: 40 + at * 5, lng: 5 + at * 5 },
    orderSecret: `Secret-Order-${name}-${mark}`,
    drivers: Array.from({ length: DRIVERS_EACH }, (_, index) => ({
      driverId: uuidFrom(`${mark}/${name}/${index}`, DRIVER_IDS),
      name: `Secret-Driver-${name}-${index}-${mark}`,
      isV1: index === DRIVERS_EACH - 1,
    })),
  }));
}

export function isHidden({ name }: Tenant): boolean {
  return name === HIDDEN;
}

/** Callers of the tenants whose ids are known, ops of all cities, and callers without rights. */
export function callersOf(tenants: readonly Tenant[]): CallerKind[] {
  const own = tenants
    .filter((tenant) => !isHidden(tenant))
    .flatMap(({ name, cityId, merchantId, drivers }): CallerKind[] => [
      ...drivers.map(
        ({ driverId }, index) => ({ name: `driver-${name}-${index}`, role: 'driver', driverId }) as const,
      ),
      { name: `merchant-${name}`, role: 'merchant', merchantId },
      { name: `ops-${name}`, role: 'ops', cities: [cityId] },
    ]);
  const nobodies = (['none', 'garbage', 'foreign', 'expired', 'customer'] as const).map(
    (token): CallerKind => ({ name: `nobody-${token}`, role: 'nobody', token }),
  );
  return [...own, { name: 'ops-of-all', role: 'ops', cities: '*' }, ...nobodies];
}

/**
 * Secret values in the rows of each tenant, and who may see them. Drivers and merchants of a city share
 * deliveries; ops see everything.
 */
export function secretsOf(tenants: readonly Tenant[]): Secret[] {
  return tenants.flatMap((tenant) => {
    const { name, drivers, orderSecret } = tenant;
    const watching = [`merchant-${name}`, `ops-${name}`, 'ops-of-all'];
    const ids = isHidden(tenant)
      ? drivers.map(({ driverId }) => ({ text: driverId, seenBy: new Set(['ops-of-all']) }))
      : [];
    return [
      {
        text: orderSecret,
        seenBy: new Set([...watching, ...drivers.map((_, index) => `driver-${name}-${index}`)]),
      },
      ...drivers.map((driver, index) => ({
        text: driver.name,
        seenBy: new Set([...watching, `driver-${name}-${index}`]),
      })),
      ...ids,
    ];
  });
}

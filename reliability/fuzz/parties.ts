import { v5 as uuidFrom } from 'uuid';
import type { Point } from '../../domain/geo/places';
import type { Secret } from './judge';

/** One city with a shop, drivers and ops of its own. What is in it is nobody's business but theirs. */
export type Party = {
  name: string;
  cityId: string;
  merchantId: string;
  center: Point;
  drivers: readonly { driverId: string; name: string; isV1: boolean }[];
  orderSecret: string;
};

const DRIVER_IDS = '3d8a7a0e-51e6-5b53-9a53-2a6f0f3b9c11';
const NAMES = ['amber', 'birch', 'cedar'] as const;
/** Its ids are never sent by anybody but itself: where one of them shows, it was leaked, and not repeated. */
const HIDDEN = 'cedar';
const DRIVERS_EACH = 3;

/** Who may ask. Everything is known of their rights beforehand: which secrets they may be shown. */
export type CallerKind = { name: string } & (
  | { role: 'driver'; driverId: string }
  | { role: 'merchant'; merchantId: string }
  | { role: 'ops'; cities: '*' | readonly string[] }
  | { role: 'nobody'; token: 'none' | 'garbage' | 'foreign' | 'expired' | 'customer' }
);

/** The same for the same seed. @param mark what makes secrets and ids of this run its own */
export function partiesOf(mark: string): Party[] {
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

export function isHidden({ name }: Party): boolean {
  return name === HIDDEN;
}

/** Those of the parties whose ids are known, ops of all cities, and some who are nobody. */
export function callersOf(parties: readonly Party[]): CallerKind[] {
  const own = parties
    .filter((party) => !isHidden(party))
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
 * What stands in rows of each party, and who may be shown it: drivers and shops of a city work together, ops
 * look after all of it.
 */
export function secretsOf(parties: readonly Party[]): Secret[] {
  return parties.flatMap((party) => {
    const { name, drivers, orderSecret } = party;
    const watching = [`merchant-${name}`, `ops-${name}`, 'ops-of-all'];
    const ids = isHidden(party)
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

import type { Point } from '../../domain/geo/places';
import type { VehicleKind } from '../../domain/driver/vehicles';

/** The city that `npm start` plays: invented shops and people in three real districts of Amsterdam. */
export const DEMO_CITY = {
  cityId: 'amsterdam',
  name: 'Amsterdam',
  timezone: 'Europe/Amsterdam',
  currency: 'EUR',
  center: { lat: 52.3602, lng: 4.9005 },
} as const;

/** A ring of [lng, lat]; the last point is the first. */
export type DemoZone = { zoneId: string; name: string; ring: readonly (readonly [number, number])[] };
export const DEMO_ZONES: readonly DemoZone[] = [
  {
    zoneId: 'amsterdam-centrum',
    name: 'Centrum',
    ring: [
      [4.8835, 52.3855],
      [4.876, 52.379],
      [4.8745, 52.369],
      [4.88, 52.3625],
      [4.892, 52.359],
      [4.905, 52.3592],
      [4.914, 52.365],
      [4.919, 52.3725],
      [4.906, 52.3785],
      [4.8835, 52.3855],
    ],
  },
  {
    zoneId: 'amsterdam-zuid',
    name: 'Zuid',
    ring: [
      [4.856, 52.361],
      [4.88, 52.362],
      [4.892, 52.3588],
      [4.904, 52.356],
      [4.9085, 52.344],
      [4.89, 52.3375],
      [4.865, 52.337],
      [4.856, 52.345],
      [4.856, 52.361],
    ],
  },
  {
    zoneId: 'amsterdam-oost',
    name: 'Oost',
    ring: [
      [4.906, 52.359],
      [4.915, 52.365],
      [4.929, 52.369],
      [4.948, 52.365],
      [4.956, 52.356],
      [4.943, 52.349],
      [4.924, 52.346],
      [4.909, 52.348],
      [4.906, 52.359],
    ],
  },
];

export type DemoShop = { merchantId: string; name: string; address: string; point: Point };
export const DEMO_SHOPS: readonly DemoShop[] = [
  {
    merchantId: 'bakkerij-de-korenbloem',
    name: 'Bakkerij De Korenbloem',
    address: 'Prinsengracht 301',
    point: { lat: 52.3708, lng: 4.8831 },
  },
  {
    merchantId: 'boekhandel-het-anker',
    name: 'Boekhandel Het Anker',
    address: 'Nieuwmarkt 14',
    point: { lat: 52.3722, lng: 4.9003 },
  },
  {
    merchantId: 'toko-melati',
    name: 'Toko Melati',
    address: 'Ferdinand Bolstraat 88',
    point: { lat: 52.3545, lng: 4.8908 },
  },
  {
    merchantId: 'bloemen-van-zuid',
    name: 'Bloemen van Zuid',
    address: 'Beethovenstraat 41',
    point: { lat: 52.3478, lng: 4.8772 },
  },
  {
    merchantId: 'fietsen-oost',
    name: 'Fietsen Oost',
    address: 'Javastraat 120',
    point: { lat: 52.3632, lng: 4.9392 },
  },
  {
    merchantId: 'apotheek-linnaeus',
    name: 'Apotheek Linnaeus',
    address: 'Linnaeusstraat 60',
    point: { lat: 52.3575, lng: 4.9268 },
  },
];

export type DemoDriver = { name: string; vehicle: VehicleKind; isV1: boolean };

const FIRST_NAMES = [
  'Amina',
  'Bram',
  'Chen',
  'Daan',
  'Elif',
  'Femke',
  'Gijs',
  'Hanna',
  'Ivo',
  'Jamal',
  'Kim',
  'Lotte',
  'Mehdi',
  'Nora',
  'Omar',
  'Puck',
  'Quint',
  'Roos',
  'Sami',
  'Tess',
];
const LETTERS = 'ABCDEFGHJKLMNOPRSTVWZ';
/** Mostly bicycles. */
const VEHICLES: readonly VehicleKind[] = ['BICYCLE', 'BICYCLE', 'MOPED', 'BICYCLE', 'CAR', 'BICYCLE', 'VAN'];
/** One driver in this many still has the v1 app. */
const V1_EVERY = 6;

/** The nth driver of the demo, counted from 0. Every run has the same drivers. */
export function demoDriver(index: number): DemoDriver {
  const first = FIRST_NAMES[index % FIRST_NAMES.length] ?? 'Driver';
  const letter = LETTERS[(index + 8 * Math.floor(index / FIRST_NAMES.length)) % LETTERS.length] ?? 'X';
  return {
    name: `${first} ${letter}.`,
    vehicle: VEHICLES[index % VEHICLES.length] ?? 'BICYCLE',
    isV1: index % V1_EVERY === V1_EVERY - 1,
  };
}

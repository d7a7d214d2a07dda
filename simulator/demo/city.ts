import type { Point } from '../../domain/geo/places';
import type { VehicleKind } from '../../domain/driver/vehicles';

/** The city that `npm start` plays: invented shops and people in three true parts of Amsterdam. */
export const DEMO_CITY = { cityId: 'amsterdam', name: 'Amsterdam', timezone: 'Europe/Amsterdam', currency: 'EUR', center: { lat: 52.3602, lng: 4.9005 } } as const;

/** A ring of [lng, lat]; the last point is the first. */
export type DemoZone = { zoneId: string; name: string; ring: readonly (readonly [number, number])[] };
export const DEMO_ZONES: readonly DemoZone[] = [
  {
    zoneId: 'amsterdam-centrum', name: 'Centrum',
    ring: [[4.8835, 52.3855], [4.8760, 52.3790], [4.8745, 52.3690], [4.8800, 52.3625], [4.8920, 52.3590], [4.9050, 52.3592], [4.9140, 52.3650], [4.9190, 52.3725], [4.9060, 52.3785], [4.8835, 52.3855]],
  },
  {
    zoneId: 'amsterdam-zuid', name: 'Zuid',
    ring: [[4.8560, 52.3610], [4.8800, 52.3620], [4.8920, 52.3588], [4.9040, 52.3560], [4.9085, 52.3440], [4.8900, 52.3375], [4.8650, 52.3370], [4.8560, 52.3450], [4.8560, 52.3610]],
  },
  {
    zoneId: 'amsterdam-oost', name: 'Oost',
    ring: [[4.9060, 52.3590], [4.9150, 52.3650], [4.9290, 52.3690], [4.9480, 52.3650], [4.9560, 52.3560], [4.9430, 52.3490], [4.9240, 52.3460], [4.9090, 52.3480], [4.9060, 52.3590]],
  },
];

export type DemoShop = { merchantId: string; name: string; address: string; point: Point };
export const DEMO_SHOPS: readonly DemoShop[] = [
  { merchantId: 'bakkerij-de-korenbloem', name: 'Bakkerij De Korenbloem', address: 'Prinsengracht 301', point: { lat: 52.3708, lng: 4.8831 } },
  { merchantId: 'boekhandel-het-anker', name: 'Boekhandel Het Anker', address: 'Nieuwmarkt 14', point: { lat: 52.3722, lng: 4.9003 } },
  { merchantId: 'toko-melati', name: 'Toko Melati', address: 'Ferdinand Bolstraat 88', point: { lat: 52.3545, lng: 4.8908 } },
  { merchantId: 'bloemen-van-zuid', name: 'Bloemen van Zuid', address: 'Beethovenstraat 41', point: { lat: 52.3478, lng: 4.8772 } },
  { merchantId: 'fietsen-oost', name: 'Fietsen Oost', address: 'Javastraat 120', point: { lat: 52.3632, lng: 4.9392 } },
  { merchantId: 'apotheek-linnaeus', name: 'Apotheek Linnaeus', address: 'Linnaeusstraat 60', point: { lat: 52.3575, lng: 4.9268 } },
];

export type DemoDriver = { name: string; vehicle: VehicleKind; isV1: boolean };

const FIRST_NAMES = ['Amina', 'Bram', 'Chen', 'Daan', 'Elif', 'Femke', 'Gijs', 'Hanna', 'Ivo', 'Jamal', 'Kim', 'Lotte', 'Mehdi', 'Nora', 'Omar', 'Puck', 'Quint', 'Roos', 'Sami', 'Tess'];
const LETTERS = 'ABCDEFGHJKLMNOPRSTVWZ';
/** Mostly bicycles, as it should be. */
const VEHICLES: readonly VehicleKind[] = ['BICYCLE', 'BICYCLE', 'MOPED', 'BICYCLE', 'CAR', 'BICYCLE', 'VAN'];
/** Every so manyth driver still has the app of v1. */
const V1_EVERY = 6;

/** The nth driver of the demo, 0 first; the same one in every run. */
export function demoDriver(index: number): DemoDriver {
  const first = FIRST_NAMES[index % FIRST_NAMES.length] ?? 'Driver';
  const letter = LETTERS[(index + 8 * Math.floor(index / FIRST_NAMES.length)) % LETTERS.length] ?? 'X';
  return { name: `${first} ${letter}.`, vehicle: VEHICLES[index % VEHICLES.length] ?? 'BICYCLE', isV1: index % V1_EVERY === V1_EVERY - 1 };
}

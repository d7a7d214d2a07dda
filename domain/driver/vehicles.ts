/** A driver's vehicle. */
export type VehicleKind = 'BICYCLE' | 'MOPED' | 'CAR' | 'VAN';

/** The size of a parcel. */
export type ParcelSize = 'SMALL' | 'MEDIUM' | 'LARGE' | 'XLARGE';

/** All vehicle kinds, smallest first. */
export const VEHICLE_KINDS: readonly VehicleKind[] = ['BICYCLE', 'MOPED', 'CAR', 'VAN'];

/** All parcel sizes, smallest first. */
export const PARCEL_SIZES: readonly ParcelSize[] = ['SMALL', 'MEDIUM', 'LARGE', 'XLARGE'];

/** Which sizes each vehicle carries. A bigger vehicle carries everything that a smaller one does. */
export const CARRIES: Readonly<Record<VehicleKind, readonly ParcelSize[]>> = {
  BICYCLE: ['SMALL', 'MEDIUM'],
  MOPED: ['SMALL', 'MEDIUM'],
  CAR: ['SMALL', 'MEDIUM', 'LARGE'],
  VAN: ['SMALL', 'MEDIUM', 'LARGE', 'XLARGE'],
};

/** Whether a vehicle of this kind carries a parcel of this size. docs/behaviour.md#offers. */
export function carries(vehicle: VehicleKind, parcel: ParcelSize): boolean {
  return CARRIES[vehicle].includes(parcel);
}

/** The vehicles that carry parcels of this size; null: all do. */
export function carriersOf(parcel: ParcelSize): readonly VehicleKind[] | null {
  const kinds = VEHICLE_KINDS.filter((kind) => carries(kind, parcel));
  return kinds.length === VEHICLE_KINDS.length ? null : kinds;
}

/** What a driver rides or drives. spec 2 ("right vehicle"). */
export type VehicleKind = 'BICYCLE' | 'MOPED' | 'CAR' | 'VAN';

/** How big a parcel is. spec 1 ("parcel size"). */
export type ParcelSize = 'SMALL' | 'MEDIUM' | 'LARGE' | 'XLARGE';

/** All vehicle kinds, smallest first. */
export const VEHICLE_KINDS: readonly VehicleKind[] = ['BICYCLE', 'MOPED', 'CAR', 'VAN'];

/** All parcel sizes, smallest first. */
export const PARCEL_SIZES: readonly ParcelSize[] = ['SMALL', 'MEDIUM', 'LARGE', 'XLARGE'];

/**
 * Which sizes each vehicle carries. A bigger vehicle carries all that a smaller one does (the spec names no
 * table; this one is ours).
 */
export const CARRIES: Readonly<Record<VehicleKind, readonly ParcelSize[]>> = {
  BICYCLE: ['SMALL', 'MEDIUM'],
  MOPED: ['SMALL', 'MEDIUM'],
  CAR: ['SMALL', 'MEDIUM', 'LARGE'],
  VAN: ['SMALL', 'MEDIUM', 'LARGE', 'XLARGE'],
};

/** True where a vehicle of this kind may carry a parcel of this size. spec 2. */
export function carries(vehicle: VehicleKind, parcel: ParcelSize): boolean {
  return CARRIES[vehicle].includes(parcel);
}

/** What ops and a driver's own app may change of a driver, and when. docs/behaviour.md#drivers. */

import { answersOffers } from '../matching/candidate';
import { type VehicleKind } from './vehicles';

/** A driver as registered. `offerVersion` null or 1 = an app of v1. */
export type DriverProfile = {
  cityId: string;
  name: string;
  phone: string | null;
  vehicleKind: VehicleKind;
  capacity: number;
  offerVersion: number | null;
};

/** The driver with the work that they have. */
export type WorkingProfile = DriverProfile & { liveOffers: number; activeAssignments: number };

export type ProfileDecision =
  | { kind: 'unchanged' }
  | { kind: 'refused'; code: 'DRIVER_HAS_WORK' | 'V2_REQUIRED'; detail: string }
  | { kind: 'changed'; next: DriverProfile; fields: (keyof DriverProfile)[] };

/**
 * A driver with an offer or a job keeps the city and vehicle that they were chosen for: the change is refused, and
 * asked for again when the work is done.
 * @param requiresV2 whether an app of v1 may no longer be registered
 */
export function decideProfile(
  driver: WorkingProfile,
  change: Partial<DriverProfile>,
  requiresV2: boolean,
): ProfileDecision {
  const { liveOffers, activeAssignments, ...profile } = driver;
  const next = { ...profile, ...change };
  const fields = FIELDS.filter((field) => next[field] !== profile[field]);
  if (fields.length === 0) return { kind: 'unchanged' };
  const work = liveOffers + activeAssignments;
  if (work > 0 && (fields.includes('cityId') || fields.includes('vehicleKind')))
    return hasWork('city and vehicle can be changed when the work is done');
  if (fields.includes('capacity') && next.capacity < work)
    return hasWork(`the driver has ${work} offers and jobs`);
  if (answersOffers(profile.offerVersion) && !answersOffers(next.offerVersion)) {
    if (requiresV2) return { kind: 'refused', code: 'V2_REQUIRED', detail: 'apps of v1 are no longer taken' };
    if (liveOffers > 0) return hasWork('an app of v1 could not answer the live offer');
  }
  return { kind: 'changed', next, fields };
}

const FIELDS = ['cityId', 'name', 'phone', 'vehicleKind', 'capacity', 'offerVersion'] as const;

function hasWork(detail: string): ProfileDecision {
  return { kind: 'refused', code: 'DRIVER_HAS_WORK', detail };
}

/** The values before and after for the audit trail, without name and phone: it outlives personal data. */
export function profileDetail(
  before: DriverProfile,
  next: DriverProfile,
  fields: readonly (keyof DriverProfile)[],
): { changed: readonly string[]; from: object; to: object } {
  const shown = fields.filter((field) => field !== 'name' && field !== 'phone');
  const of = (profile: DriverProfile): object =>
    Object.fromEntries(shown.map((field) => [field, profile[field]]));
  return { changed: fields, from: of(before), to: of(next) };
}

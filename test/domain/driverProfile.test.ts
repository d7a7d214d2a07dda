import { describe, expect, it } from '@jest/globals';
import { decideProfile, profileDetail, type WorkingProfile } from '../../domain/driver/driverProfile';

const idle: WorkingProfile = {
  cityId: 'ams',
  name: 'Sam',
  phone: null,
  vehicleKind: 'BICYCLE',
  capacity: 2,
  offerVersion: null,
  liveOffers: 0,
  activeAssignments: 0,
};
const busy = { ...idle, offerVersion: 2, liveOffers: 1, activeAssignments: 1 };

describe('a change of a driver', () => {
  it('that changes nothing is none', () => {
    expect(decideProfile(idle, { name: 'Sam', capacity: 2 }, false)).toEqual({ kind: 'unchanged' });
  });

  it('names the fields that change, and keeps the others', () => {
    expect(decideProfile(idle, { vehicleKind: 'VAN', offerVersion: 2, name: 'Sam' }, true)).toMatchObject({
      kind: 'changed',
      fields: ['vehicleKind', 'offerVersion'],
      next: { vehicleKind: 'VAN', offerVersion: 2, cityId: 'ams' },
    });
  });

  it.each([[{ cityId: 'rtm' }], [{ vehicleKind: 'VAN' as const }], [{ capacity: 1 }], [{ offerVersion: 1 }]])(
    'with work in hand is refused for %j',
    (change) => {
      expect(decideProfile(busy, change, false)).toMatchObject({ kind: 'refused', code: 'DRIVER_HAS_WORK' });
    },
  );

  it('with work in hand may change name, phone, room and the app', () => {
    const change = { name: 'Sami', phone: '1', capacity: 3, offerVersion: 3 };
    expect(decideProfile(busy, change, true)).toMatchObject({ kind: 'changed' });
  });

  it('may go back to v1 only where apps of v1 are taken', () => {
    const v2 = { ...idle, offerVersion: 2 };
    expect(decideProfile(v2, { offerVersion: null }, false)).toMatchObject({ kind: 'changed' });
    expect(decideProfile(v2, { offerVersion: null }, true)).toMatchObject({ code: 'V2_REQUIRED' });
    expect(decideProfile(idle, { offerVersion: 1 }, true)).toMatchObject({ kind: 'changed' });
  });

  it('leaves no name or phone in the audit trail', () => {
    const next = { ...idle, name: 'Secret', phone: '020 1', capacity: 3 };
    expect(profileDetail(idle, next, ['name', 'phone', 'capacity'])).toEqual({
      changed: ['name', 'phone', 'capacity'],
      from: { capacity: 2 },
      to: { capacity: 3 },
    });
  });
});

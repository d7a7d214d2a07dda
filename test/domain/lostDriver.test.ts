/** A driver who was lost is off the map until they act. docs/behaviour.md#reassignment. */
import { describe, expect, it } from '@jest/globals';
import {
  AVAILABILITY_LIMITS,
  type AvailabilityDecision,
  type AvailabilityRequest,
  decideAvailability,
  type DriverFacts,
  takesWork,
} from '../../domain/driver/availability';
import { LOSS_REASONS } from '../../domain/driver/loss';

const NOW = 1_700_000_000_000;
const busy = (given: Partial<DriverFacts> = {}): DriverFacts => ({
  driverId: 'd1',
  cityId: 'berlin',
  availability: 'BUSY',
  availabilityUntil: null,
  availabilityReason: null,
  pending: null,
  capacity: 2,
  liveOffers: 0,
  activeAssignments: 0,
  offerVersion: 2,
  shiftEndsAt: null,
  lastFixAt: NOW,
  nextSlots: 0,
  lapsesInRow: 0,
  ...given,
});
const decide = (driver: DriverFacts, request: AvailabilityRequest): AvailabilityDecision =>
  decideAvailability(driver, request, AVAILABILITY_LIMITS, { availabilityStates: true }, NOW);

describe.each(LOSS_REASONS)('a driver lost for %s', (why) => {
  const lost = { kind: 'lost', why } as const;

  it('goes OFFLINE, and the state says why, though their phone pings on', () => {
    expect(decide(busy(), lost)).toMatchObject({
      to: 'OFFLINE',
      why,
      wakes: false,
      next: { availability: 'OFFLINE', availabilityReason: why, pending: null },
    });
  });

  it('with other work in hand gets no more, and goes OFFLINE when it ends', () => {
    const kept = decide(busy({ activeAssignments: 1, liveOffers: 1 }), lost);
    expect(kept).toMatchObject({
      to: 'BUSY',
      why,
      withdrawsOffers: true,
      next: { pending: { kind: 'OFFLINE', reason: why } },
    });
    if (kept.kind !== 'changed') return;
    expect(takesWork(kept.next)).toBe(false);
    expect(decide({ ...kept.next, activeAssignments: 0 }, { kind: 'workEnds' })).toMatchObject({
      to: 'OFFLINE',
      next: { availabilityReason: why },
    });
  });

  it('is back by an act', () => {
    expect(
      decide(busy({ availability: 'OFFLINE', availabilityReason: why }), { kind: 'acted' }),
    ).toMatchObject({
      to: 'AVAILABLE',
      why: 'CAME_ONLINE',
      wakes: true,
      next: { availabilityReason: null },
    });
    expect(
      decide(busy({ activeAssignments: 1, pending: { kind: 'OFFLINE', reason: why } }), { kind: 'acted' }),
    ).toMatchObject({ to: 'BUSY', why: 'CHANGE_WITHDRAWN', next: { pending: null } });
  });

  it('is back when they go online', () => {
    const online = { kind: 'set', availability: 'AVAILABLE', carrying: 'NOTHING' } as const;
    expect(decide(busy({ availability: 'OFFLINE', availabilityReason: why }), online)).toMatchObject({
      to: 'AVAILABLE',
      next: { availabilityReason: null },
    });
  });

  it.each([{ kind: 'SHIFT_END' }, { kind: 'OFFLINE' }] as const)(
    'and had asked for %j: that begins',
    (pending) => {
      const to = pending.kind === 'OFFLINE' ? 'OFFLINE' : 'SHIFT_ENDED';
      expect(decide(busy({ pending }), lost)).toMatchObject({ to, next: { availabilityReason: null } });
    },
  );

  it('and had asked for a break goes OFFLINE, since a break ends by itself', () => {
    const pending = { kind: 'BREAK', minutes: 5, reason: null } as const;
    expect(decide(busy({ pending }), lost)).toMatchObject({ to: 'OFFLINE' });
  });

  it('and left duty before is unchanged', () => {
    for (const availability of ['OFFLINE', 'SHIFT_ENDED', 'ON_BREAK'] as const)
      expect(decide(busy({ availability }), lost)).toEqual({ kind: 'unchanged' });
  });
});

it('an act of a driver who went off duty by themselves changes nothing', () => {
  for (const given of [
    { availability: 'OFFLINE' },
    { availability: 'ON_BREAK', availabilityReason: 'NO_PROGRESS' },
    { availability: 'SHIFT_ENDED' },
    { availability: 'AVAILABLE' },
    { activeAssignments: 1, pending: { kind: 'OFFLINE' } },
    { activeAssignments: 1, pending: { kind: 'SHIFT_END' } },
  ] as const)
    expect(decide(busy(given), { kind: 'acted' })).toEqual({ kind: 'unchanged' });
});

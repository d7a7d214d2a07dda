import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  canMove,
  DELIVERY_STATUSES,
  DELIVERY_TRANSITIONS,
  isBeforePickup,
  isClosed,
  type Step,
  STEPS,
  unreachableStatuses,
} from '../../domain/delivery/status';
import { acceptanceRate, endOffer, type OfferFacts, type OfferState } from '../../domain/delivery/offer';

describe('the states of a delivery', () => {
  test('can all be reached from PENDING', () => {
    expect(unreachableStatuses()).toEqual([]);
  });

  test('that close it lead nowhere, and all others lead somewhere', () => {
    for (const status of DELIVERY_STATUSES) {
      expect(DELIVERY_TRANSITIONS.some(({ from }) => from === status)).toBe(!isClosed(status));
    }
  });

  test('each have at most one move to each other state', () => {
    const moves = DELIVERY_TRANSITIONS.map(({ from, to }) => `${from}>${to}`);
    expect(new Set(moves).size).toBe(moves.length);
  });

  test('before pickup can all be cancelled, after it none', () => {
    expect(DELIVERY_STATUSES.filter(isBeforePickup)).toEqual([
      'PENDING',
      'SEARCHING',
      'OFFERED',
      'ASSIGNED',
      'AT_PICKUP',
    ]);
  });

  test('are moved by the steps as the table defines', () => {
    for (const step of Object.keys(STEPS) as Step[])
      expect(canMove(STEPS[step].from, STEPS[step].to)).toBe(true);
  });
});

describe('an offer', () => {
  const offer: OfferFacts = {
    offerId: 'o',
    deliveryId: 'd',
    driverId: 'x',
    kind: 'SINGLE',
    state: 'LIVE',
    round: 0,
    payCents: 1,
    escalationLevel: 0,
    createdAt: 0,
    expiresAt: 30_000,
    reachedAt: null,
    endedAt: null,
    endReason: null,
    trip: null,
  };

  test('ends once: a later end changes nothing', () => {
    const ended = endOffer(offer, 'REJECTED', 'TOO_FAR', 5);
    expect(ended).toMatchObject({ state: 'REJECTED', endReason: 'TOO_FAR', endedAt: 5 });
    expect(endOffer(ended, 'EXPIRED', 'LAPSED', 9)).toBe(ended);
  });
});

describe('the acceptance rate', () => {
  test('is accepted ÷ (accepted + rejected + expired)', () => {
    expect(acceptanceRate(['ACCEPTED', 'ACCEPTED', 'REJECTED', 'EXPIRED'])).toBe(0.5);
  });

  test('is unknown without answers', () => {
    expect(acceptanceRate(['LIVE', 'WITHDRAWN'])).toBeNull();
  });

  test('ignores withdrawn and live offers', () => {
    const states = fc.array(
      fc.constantFrom<OfferState>('ACCEPTED', 'REJECTED', 'EXPIRED', 'WITHDRAWN', 'LIVE'),
    );
    fc.assert(
      fc.property(states, (given) => {
        expect(acceptanceRate([...given, 'WITHDRAWN', 'LIVE'])).toBe(acceptanceRate(given));
      }),
    );
  });
});

import { expect, test } from '@jest/globals';
import { byClockAhead, type DeliverySnapshot, nextDeadline } from '../../domain/delivery/deadline';

const NOW = Date.UTC(2026, 10, 29);
const AHEAD_MS = 60_000;

/** Every field, so that a new one must be added here. */
const SNAPSHOT: Required<DeliverySnapshot> = {
  status: 'OFFERED',
  closed: false,
  driverId: null,
  offers: [{ offerId: 'offer', driverId: 'driver', expiresAt: NOW + 30_000 }],
  searchAgainAt: NOW + 40_000,
  searchRound: 3,
  giveUpAt: NOW + 50_000,
  escalationLevel: 1,
  escalation: { at: NOW + 20_000, level: 2 },
  heldReason: null,
  isMatched: true,
};

/** Each number that is an instant, `aheadMs` later. */
function shiftInstants(value: unknown, aheadMs: number): unknown {
  return JSON.parse(JSON.stringify(value), (_key, part: unknown) =>
    typeof part === 'number' && part >= NOW ? part + aheadMs : part,
  );
}

test('by a clock that is ahead every instant of a snapshot is later, and nothing else is changed', () => {
  expect(byClockAhead(SNAPSHOT, AHEAD_MS)).toEqual(shiftInstants(SNAPSHOT, AHEAD_MS));
  expect(byClockAhead(SNAPSHOT, -AHEAD_MS)).toEqual(shiftInstants(SNAPSHOT, -AHEAD_MS));
});

test('by a clock that agrees, a snapshot stays as it is', () => {
  expect(byClockAhead(SNAPSHOT, 0)).toBe(SNAPSHOT);
});

test('null stays null: nothing is due', () => {
  const waiting = { ...SNAPSHOT, offers: [], searchAgainAt: null, giveUpAt: null, escalation: null };
  expect(byClockAhead(waiting, AHEAD_MS)).toEqual(waiting);
});

test('the next deadline comes that much later', () => {
  expect(nextDeadline(byClockAhead(SNAPSHOT, AHEAD_MS))?.at).toBe(
    (nextDeadline(SNAPSHOT)?.at ?? NaN) + AHEAD_MS,
  );
});

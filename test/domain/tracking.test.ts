import { describe, expect, it } from '@jest/globals';
import { DELIVERY_STATUSES, REASON_CODES } from '../../domain/delivery/status';
import { TRACKED_REASONS, trackingEndsAt, trackingOf } from '../../domain/delivery/tracking';
import { tracking } from '../../domain/notices/stateEvents';

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 10, 29, 12);
const facts = {
  deliveryId: '01890a5d-ac96-774b-bcce-b302099a8057',
  sellerOrderId: 'order-7',
  status: 'SEARCHING' as const,
  statusSince: NOW,
  reasonCode: null,
  delayedSince: null,
};

describe('what a customer sees', () => {
  it('matches its schema in every status and for every reason, and never says who is asked', () => {
    for (const status of DELIVERY_STATUSES)
      for (const reasonCode of [null, ...REASON_CODES]) {
        const shown = trackingOf({ ...facts, status, reasonCode });
        expect(tracking.parse(shown)).toEqual(shown);
        expect(shown.status).not.toBe('OFFERED');
      }
  });

  it('holds nothing else of the delivery', () => {
    const whole = { ...facts, driverId: 'd', payCents: 700, merchantId: 'bakery' };
    expect(Object.keys(trackingOf(whole)).sort()).toEqual(
      ['at', 'delayedSince', 'deliveryId', 'reason', 'sellerOrderId', 'status'].sort(),
    );
  });

  it('gives reasons of our own and the shop’s work as OTHER', () => {
    const shown = REASON_CODES.map((reasonCode) => trackingOf({ ...facts, reasonCode }).reason);
    expect(new Set(shown)).toEqual(new Set(TRACKED_REASONS));
    expect(trackingOf({ ...facts, reasonCode: 'OPS_CANCELLED' }).reason).toBe('OTHER');
    expect(trackingOf({ ...facts, reasonCode: 'NO_DRIVER' }).reason).toBe('NO_DRIVER');
  });
});

describe('a tracking token ends', () => {
  const date = (at: number): Date => new Date(at);
  const endsAt = (readyAt: number, windowTo: number | null, closedAt: number | null = null): number =>
    trackingEndsAt(
      {
        readyAt: date(readyAt),
        windowTo: windowTo === null ? null : date(windowTo),
        closedAt: closedAt === null ? null : date(closedAt),
      },
      24 * HOUR,
      NOW,
    );

  it('some time after the delivery is due, not after it was ordered', () => {
    expect(endsAt(NOW - HOUR, null)).toBe(NOW + 24 * HOUR);
    expect(endsAt(NOW + 5 * HOUR, null)).toBe(NOW + 29 * HOUR);
    expect(endsAt(NOW, NOW + 48 * HOUR)).toBe(NOW + 72 * HOUR);
  });

  it('some time after it has closed', () => {
    expect(endsAt(NOW, NOW + 48 * HOUR, NOW - HOUR)).toBe(NOW + 23 * HOUR);
    expect(endsAt(NOW, null, NOW - 30 * HOUR)).toBeLessThan(NOW);
  });
});

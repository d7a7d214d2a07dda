import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  endsDuty,
  fellSilent,
  isDetectedLoss,
  isIngestOutage,
  LOSS_LIMITS,
  type Progress,
  progressAfter,
  standsStill,
} from '../../domain/driver/loss';

const MINUTE = 60_000;
const NOW = 1_700_000_000_000;

describe('progress towards a pickup', () => {
  const start: Progress = { nearestMeters: null, progressAt: NOW };

  it('begins with the first position, at any distance', () => {
    expect(progressAfter(start, 2_000.4, NOW + MINUTE, LOSS_LIMITS)).toEqual({
      nearestMeters: 2_000,
      progressAt: NOW,
    });
  });

  it.each([
    ['nearer by 100 m', 1_900, { nearestMeters: 1_900, progressAt: NOW + MINUTE }],
    ['nearer by less', 1_901, null],
    ['farther off', 2_500, null],
    ['at the pickup', 150, { nearestMeters: 150, progressAt: NOW + MINUTE }],
  ] as const)('%s', (_case, meters, after) => {
    const before = { nearestMeters: 2_000, progressAt: NOW };
    const seen = progressAfter(before, meters, NOW + MINUTE, LOSS_LIMITS);
    if (after === null) expect(seen).toBe(before);
    else expect(seen).toEqual(after);
  });

  it('continues while the driver waits at the pickup', () => {
    const at = progressAfter({ nearestMeters: 40, progressAt: NOW }, 60, NOW + MINUTE, LOSS_LIMITS);
    expect(at).toEqual({ nearestMeters: 40, progressAt: NOW + MINUTE });
  });

  it('never increases the distance and never goes back in time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 1, max: 60_000 }))),
        (looks) => {
          let [progress, now] = [start, NOW];
          for (const [meters, later] of looks) {
            now += later;
            const next = progressAfter(progress, meters, now, LOSS_LIMITS);
            expect(next.nearestMeters ?? 0).toBeLessThanOrEqual(progress.nearestMeters ?? Infinity);
            expect(next.progressAt).toBeGreaterThanOrEqual(progress.progressAt);
            progress = next;
          }
        },
      ),
    );
  });
});

describe('a driver without progress', () => {
  const asked = { readyAt: NOW, travelMs: 4 * MINUTE, limits: LOSS_LIMITS };

  it('is lost after five minutes, and not before', () => {
    const progress = { nearestMeters: 900, progressAt: NOW };
    expect(standsStill(progress, { ...asked, now: NOW + 5 * MINUTE - 1 })).toBe(false);
    expect(standsStill(progress, { ...asked, now: NOW + 5 * MINUTE })).toBe(true);
  });

  it('need not leave before the time required to be there when the order is ready', () => {
    const progress = { nearestMeters: 900, progressAt: NOW };
    const later = { ...asked, readyAt: NOW + 30 * MINUTE };
    expect(standsStill(progress, { ...later, now: NOW + 30 * MINUTE })).toBe(false);
    // four minutes' way, and five that they stood
    expect(standsStill(progress, { ...later, now: NOW + 31 * MINUTE })).toBe(true);
  });
});

describe('silence', () => {
  it.each([
    ['just in time', 179_999, 0, false],
    ['too long', 180_000, 0, true],
    ['while ingest was down', 600_000, 590_000, false],
  ])('%s', (_case, silentMs, ingestDownMs, lost) => {
    expect(fellSilent(NOW - silentMs, NOW - silentMs + ingestDownMs, NOW, LOSS_LIMITS)).toBe(lost);
  });

  it.each([
    [1, 1, false],
    [1, 2, false],
    [3, 10, false],
    [4, 10, true],
    [30, 100, false],
    [31, 100, true],
    [2, 2, true],
  ])('of %s of %s working drivers counts as an ingest outage: %s', (silent, working, ours) => {
    expect(isIngestOutage(silent, working, LOSS_LIMITS)).toBe(ours);
  });
});

describe('loss reasons', () => {
  it('a breakdown and an emergency end the shift, the others do not', () => {
    expect([
      endsDuty('VEHICLE_BREAKDOWN'),
      endsDuty('EMERGENCY'),
      endsDuty('TOO_FAR'),
      endsDuty('OTHER'),
    ]).toEqual([true, true, false, false]);
  });

  it('only an unreported loss is a detected one', () => {
    expect([
      isDetectedLoss('FELL_SILENT'),
      isDetectedLoss('NO_PROGRESS'),
      isDetectedLoss('WENT_OFFLINE'),
    ]).toEqual([true, true, false]);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  endsDuty,
  fellSilent,
  isDetectedLoss,
  isIngestOutage,
  LOSS_LIMITS,
  makesNoWay,
  type Progress,
  progressAfter,
} from '../../domain/driver/loss';

const MINUTE = 60_000;
const NOW = 1_700_000_000_000;

const PICKUP = { lat: 52.37, lng: 4.89 };
/** This many metres north of the pickup. */
const away = (meters: number) => ({ lat: PICKUP.lat + meters / 111_195, lng: PICKUP.lng });

describe('progress towards a pickup', () => {
  const start: Progress = { fromMeters: null, progressAt: NOW, place: null, movedAt: NOW };
  const after = (before: Progress, meters: number, at = NOW + MINUTE): Progress =>
    progressAfter(before, { point: away(meters), meters, at }, LOSS_LIMITS);

  it('begins with the first position, at any distance', () => {
    expect(after(start, 2_000.4)).toEqual({ ...start, fromMeters: 2_000, place: away(2_000.4) });
  });

  it.each([
    ['nearer by 100 m', 1_900, { fromMeters: 1_900, progressAt: NOW + MINUTE, movedAt: NOW + MINUTE }],
    ['nearer by less', 1_901, null],
    ['farther off by less', 2_099, null],
    ['farther off', 2_500, { fromMeters: 2_500, progressAt: NOW, movedAt: NOW + MINUTE }],
    ['at the pickup', 150, { fromMeters: 150, progressAt: NOW + MINUTE, movedAt: NOW + MINUTE }],
  ] as const)('%s', (_case, meters, change) => {
    const before = { ...start, fromMeters: 2_000, place: away(2_000) };
    const seen = after(before, meters);
    if (change === null) expect(seen).toBe(before);
    else expect(seen).toEqual({ ...change, place: away(meters) });
  });

  it('continues while the driver waits at the pickup', () => {
    const at = after({ ...start, fromMeters: 40, place: away(40) }, 60);
    expect(at).toMatchObject({ progressAt: NOW + MINUTE });
  });

  it('counts a way to the side as a move, not as progress', () => {
    const before = { ...start, fromMeters: 2_000, place: away(2_000) };
    const point = { lat: away(2_000).lat, lng: PICKUP.lng + 0.003 };
    expect(progressAfter(before, { point, meters: 2_010, at: NOW + MINUTE }, LOSS_LIMITS)).toEqual({
      fromMeters: 2_010,
      progressAt: NOW,
      place: point,
      movedAt: NOW + MINUTE,
    });
  });

  it('is not spoilt by one position that was too near', () => {
    let progress = after({ ...start, fromMeters: 3_000, place: away(3_000) }, 200, NOW + MINUTE);
    progress = after(progress, 2_900, NOW + 2 * MINUTE);
    expect(after(progress, 2_700, NOW + 3 * MINUTE)).toMatchObject({ progressAt: NOW + 3 * MINUTE });
  });

  it('never goes back in time, and knows no move after the last position', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 1, max: 60_000 }))),
        (looks) => {
          let [progress, now] = [start, NOW];
          for (const [meters, later] of looks) {
            now += later;
            const next = after(progress, meters, now);
            expect(next.progressAt).toBeGreaterThanOrEqual(progress.progressAt);
            expect(next.movedAt).toBeGreaterThanOrEqual(next.progressAt);
            expect(next.movedAt).toBeLessThanOrEqual(now);
            progress = next;
          }
        },
      ),
    );
  });
});

describe('a driver without progress', () => {
  const asked = { readyAt: NOW, travelMs: 4 * MINUTE, limits: LOSS_LIMITS };
  const since = { progressAt: NOW, movedAt: NOW };

  it('is lost after five minutes in one place, and not before', () => {
    expect(makesNoWay(since, { ...asked, now: NOW + 5 * MINUTE - 1 })).toBe(false);
    expect(makesNoWay(since, { ...asked, now: NOW + 5 * MINUTE })).toBe(true);
  });

  it('is lost after fifteen minutes of moving about, and not before', () => {
    const moving = { progressAt: NOW, movedAt: NOW + 14 * MINUTE };
    expect(makesNoWay(moving, { ...asked, now: NOW + 15 * MINUTE - 1 })).toBe(false);
    expect(makesNoWay(moving, { ...asked, now: NOW + 15 * MINUTE })).toBe(true);
  });

  it('need not leave before the time required to be there when the order is ready', () => {
    const later = { ...asked, readyAt: NOW + 30 * MINUTE };
    expect(makesNoWay(since, { ...later, now: NOW + 30 * MINUTE })).toBe(false);
    // four minutes' way, and five that they stood
    expect(makesNoWay(since, { ...later, now: NOW + 31 * MINUTE })).toBe(true);
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

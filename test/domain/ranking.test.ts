import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AVAILABILITIES } from '../../domain/driver/availability';
import { answersOffers, RANKING_LIMITS, type Candidate, type Wanted } from '../../domain/matching/candidate';
import { exclusionOf, nextExclusionEndsAt } from '../../domain/matching/exclusion';
import { rankCandidates } from '../../domain/matching/ranking';
import { SEARCH_LIMITS, searchBackoffMs, searchRadiusMeters } from '../../domain/matching/searchPlan';
import { PARCEL_SIZES, VEHICLE_KINDS } from '../../domain/driver/vehicles';

const NOW = 1_700_000_000_000;
const MINUTE = 60_000;

const wanted = (given: Partial<Wanted> = {}): Wanted => ({
  kind: 'SINGLE',
  parcelSize: 'SMALL',
  payCents: 500,
  level: 0,
  readyAt: NOW,
  now: NOW,
  ...given,
});

const candidate = (given: Partial<Candidate> = {}): Candidate => ({
  driverId: 'd1',
  availability: 'AVAILABLE',
  leavesAfterWork: false,
  vehicle: 'BICYCLE',
  room: 1,
  liveOffers: 0,
  offerVersion: 2,
  fixAt: NOW - 5_000,
  distanceMeters: 800,
  travelMs: 4 * MINUTE,
  shiftEndsAt: null,
  idleSince: NOW - 10 * MINUTE,
  earningsTodayCents: 0,
  recentRejections: 0,
  lastLapseAt: null,
  rejected: null,
  lost: false,
  askedByBroadcast: false,
  ...given,
});

const past = (ms: number) => fc.nat(ms).map((ago) => NOW - ago);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const anyCandidate: fc.Arbitrary<Candidate> = fc.record({
  driverId: fc.uuid(),
  availability: fc.constantFrom('AVAILABLE', ...AVAILABILITIES),
  leavesAfterWork: fc.constantFrom(false, false, false, true),
  vehicle: fc.constantFrom(...VEHICLE_KINDS),
  room: fc.integer({ min: 0, max: 2 }),
  liveOffers: fc.constantFrom(0, 0, 0, 1),
  offerVersion: fc.constantFrom(null, 1, 2),
  fixAt: maybe(past(2 * MINUTE)),
  distanceMeters: fc.nat(15_000),
  travelMs: fc.nat(30 * MINUTE),
  shiftEndsAt: maybe(fc.nat(60 * MINUTE).map((ms) => NOW + ms)),
  idleSince: maybe(past(60 * MINUTE)),
  earningsTodayCents: fc.nat(20_000),
  recentRejections: fc.nat(4),
  lastLapseAt: maybe(past(10 * MINUTE)),
  rejected: maybe(fc.record({ payCents: fc.constantFrom(400, 500, 600), level: fc.nat(3) })),
  lost: fc.constantFrom(false, false, false, true),
  askedByBroadcast: fc.constantFrom(false, false, true),
});
const anyWanted: fc.Arbitrary<Wanted> = fc.record({
  kind: fc.constantFrom('SINGLE', 'BROADCAST', 'DIRECT'),
  parcelSize: fc.constantFrom(...PARCEL_SIZES),
  payCents: fc.constantFrom(400, 500, 600),
  level: fc.nat(3),
  readyAt: fc.nat(60 * MINUTE).map((ms) => NOW + ms),
  now: fc.constant(NOW),
});
const crowd = fc.uniqueArray(anyCandidate, { selector: ({ driverId }) => driverId, maxLength: 12 });

describe('rankCandidates', () => {
  it('puts every candidate in exactly one of the two lists, excluded ones with the reason', () => {
    fc.assert(
      fc.property(crowd, anyWanted, (candidates, search) => {
        const { ranked, excluded } = rankCandidates(candidates, search);
        expect([...ranked, ...excluded].map(({ driverId }) => driverId).sort()).toEqual(
          candidates.map(({ driverId }) => driverId).sort(),
        );
        for (const { driverId, reason } of excluded) {
          const given = candidates.find((each) => each.driverId === driverId) ?? candidate();
          expect(exclusionOf(given, search)).toBe(reason);
        }
      }),
    );
  });

  it('does not depend on the order of the candidates', () => {
    const shuffled = crowd.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    );
    fc.assert(
      fc.property(shuffled, anyWanted, ([all, mixed], search) =>
        expect(rankCandidates(mixed, search)).toEqual(rankCandidates(all, search)),
      ),
    );
  });

  it('never ranks a driver who arrives a whole bucket later above another', () => {
    fc.assert(
      fc.property(crowd, anyWanted, (candidates, search) => {
        const buckets = rankCandidates(candidates, { ...search, kind: 'SINGLE' }).ranked.map(
          ({ score }) => score.travelBucket,
        );
        expect(buckets).toEqual([...buckets].sort((a, b) => a - b));
      }),
    );
  });

  it('excludes drivers who are off duty, held, full, too small for the parcel, off the map, or lost before', () => {
    fc.assert(
      fc.property(crowd, anyWanted, (candidates, search) => {
        const asked = new Set(rankCandidates(candidates, search).ranked.map(({ driverId }) => driverId));
        for (const each of candidates.filter(({ driverId }) => asked.has(driverId))) {
          expect(each).toMatchObject({ lost: false, leavesAfterWork: false, liveOffers: 0 });
          expect(['AVAILABLE', 'BUSY']).toContain(each.availability);
          expect(each.room).toBeGreaterThan(0);
          expect(NOW - (each.fixAt ?? 0)).toBeLessThanOrEqual(RANKING_LIMITS.freshPositionMs);
        }
      }),
    );
  });

  const order = (...candidates: Candidate[]) =>
    rankCandidates(candidates, wanted()).ranked.map(({ driverId }) => driverId);

  it('prefers the shorter travel time', () => {
    expect(
      order(
        candidate({ driverId: 'far', travelMs: 9 * MINUTE }),
        candidate({ driverId: 'near', travelMs: 3 * MINUTE, recentRejections: 4 }),
      ),
    ).toEqual(['near', 'far']);
  });

  it('prefers within the same minute fewer refusals, then lower earnings, then a longer wait', () => {
    const refuser = candidate({ driverId: 'refuser', travelMs: 3 * MINUTE, recentRejections: 2 });
    const rich = candidate({ driverId: 'rich', travelMs: 3 * MINUTE + 10_000, earningsTodayCents: 9_000 });
    const fresh = candidate({ driverId: 'fresh', travelMs: 3 * MINUTE + 20_000, idleSince: NOW - MINUTE });
    const idle = candidate({ driverId: 'idle', travelMs: 3 * MINUTE + 30_000, idleSince: NOW - 30 * MINUTE });
    expect(order(refuser, rich, fresh, idle)).toEqual(['idle', 'fresh', 'rich', 'refuser']);
  });

  it('treats small differences in earnings as equal', () => {
    const bit = candidate({ driverId: 'a bit more', earningsTodayCents: 499, idleSince: NOW - 30 * MINUTE });
    expect(order(candidate({ driverId: 'nothing' }), bit)).toEqual(['a bit more', 'nothing']);
  });

  it('prefers the earlier arrival where all else in the minute is equal', () => {
    expect(
      order(
        candidate({ driverId: 'a', travelMs: 4 * MINUTE + 30_000 }),
        candidate({ driverId: 'b', travelMs: 4 * MINUTE }),
      ),
    ).toEqual(['b', 'a']);
  });

  it('breaks ties by id', () => {
    expect(order(candidate({ driverId: 'b' }), candidate({ driverId: 'a' }))).toEqual(['a', 'b']);
  });

  it('ranks by distance where no offers are made, as v1 did', () => {
    const near = candidate({
      driverId: 'near',
      distanceMeters: 500,
      travelMs: 9 * MINUTE,
      recentRejections: 5,
      earningsTodayCents: 9_000,
    });
    const direct = rankCandidates(
      [candidate({ driverId: 'far', distanceMeters: 501, travelMs: MINUTE }), near],
      wanted({ kind: 'DIRECT' }),
    );
    expect(direct.ranked.map(({ driverId }) => driverId)).toEqual(['near', 'far']);
  });

  it('keeps the deciding values as plain data', () => {
    const ranking = rankCandidates([candidate({ recentRejections: 1, earningsTodayCents: 1_250 })], wanted());
    expect(ranking).toEqual({
      ranked: [
        {
          driverId: 'd1',
          offerVersion: 2,
          score: {
            travelBucket: 4,
            recentRejections: 1,
            earningsBucket: 2,
            idleMs: 10 * MINUTE,
            travelMs: 4 * MINUTE,
            distanceMeters: 800,
          },
        },
      ],
      excluded: [],
    });
    expect(JSON.parse(JSON.stringify(ranking))).toEqual(ranking);
  });

  it('compares exactly where a bucket is 0', () => {
    const exact = { ...RANKING_LIMITS, travelBucketMs: 0 };
    const pair = [
      candidate({ driverId: 'a', travelMs: 61_001 }),
      candidate({ driverId: 'b', travelMs: 61_000, recentRejections: 9 }),
    ];
    expect(rankCandidates(pair, wanted(), exact).ranked[0]?.driverId).toBe('b');
  });
});

describe('exclusions', () => {
  it.each<[string, Partial<Candidate>, Partial<Wanted>]>([
    ['LOST', { lost: true }, {}],
    ['ASKED_BY_BROADCAST', { askedByBroadcast: true }, { kind: 'BROADCAST' }],
    ['NOT_AVAILABLE', { availability: 'ON_BREAK' }, {}],
    ['LEAVES_AFTER_WORK', { availability: 'BUSY', leavesAfterWork: true }, {}],
    ['WRONG_VEHICLE', { vehicle: 'BICYCLE' }, { parcelSize: 'LARGE' }],
    ['HAS_LIVE_OFFER', { liveOffers: 1 }, {}],
    ['NO_ROOM', { room: 0 }, {}],
    ['OLD_APP', { offerVersion: 1 }, { kind: 'BROADCAST' }],
    ['STALE_POSITION', { fixAt: NOW - 60_001 }, {}],
    ['STALE_POSITION', { fixAt: null }, {}],
    ['SHIFT_ENDS_BEFORE_PICKUP', { shiftEndsAt: NOW + 4 * MINUTE }, {}],
    ['SHIFT_ENDS_BEFORE_PICKUP', { shiftEndsAt: NOW + 9 * MINUTE }, { readyAt: NOW + 10 * MINUTE }],
    ['REJECTED', { rejected: { payCents: 500, level: 0 } }, {}],
    ['LAPSED_RECENTLY', { lastLapseAt: NOW - 5 * MINUTE + 1 }, {}],
  ])('exclude by %s', (reason, driver, search) => {
    expect(exclusionOf(candidate(driver), wanted(search))).toBe(reason);
  });

  it.each<[string, Partial<Candidate>, Partial<Wanted>]>([
    ['a busy driver with spare capacity', { availability: 'BUSY' }, {}],
    ['a position just fresh', { fixAt: NOW - 60_000 }, {}],
    ['a shift that ends just after the pickup', { shiftEndsAt: NOW + 4 * MINUTE + 1 }, {}],
    ['a lapse five minutes old', { lastLapseAt: NOW - 5 * MINUTE }, {}],
    ['a rejection before the pay rose', { rejected: { payCents: 499, level: 0 } }, {}],
    ['a rejection before the escalation rose', { rejected: { payCents: 500, level: 0 } }, { level: 1 }],
    ['a rejection, in a broadcast', { rejected: { payCents: 500, level: 0 } }, { kind: 'BROADCAST' }],
    ['a lapse, in a broadcast', { lastLapseAt: NOW }, { kind: 'BROADCAST' }],
    ['a rejection, where no offers are made', { rejected: { payCents: 500, level: 0 } }, { kind: 'DIRECT' }],
    ['an old app, which is assigned without an offer', { offerVersion: null }, {}],
  ])('do not exclude by %s', (_, driver, search) => {
    expect(exclusionOf(candidate(driver), wanted(search))).toBeNull();
  });

  it('expire only for offers that lapsed, and say when', () => {
    const { excluded } = rankCandidates(
      [
        candidate({ driverId: 'a', lastLapseAt: NOW - MINUTE }),
        candidate({ driverId: 'b', lastLapseAt: NOW - 4 * MINUTE }),
        candidate({ driverId: 'c', lastLapseAt: NOW - 4.5 * MINUTE, fixAt: null }),
      ],
      wanted(),
    );
    expect(excluded.map(({ until }) => until)).toEqual([NOW + 4 * MINUTE, NOW + MINUTE, null]);
    expect(nextExclusionEndsAt(excluded)).toBe(NOW + MINUTE);
    expect(nextExclusionEndsAt([])).toBeNull();
  });

  it('end at the very instant they name', () => {
    fc.assert(
      fc.property(crowd, anyWanted, (candidates, search) => {
        const endsAt = nextExclusionEndsAt(rankCandidates(candidates, search).excluded);
        if (endsAt === null) return;
        const free = candidates.filter(
          ({ lastLapseAt }) =>
            lastLapseAt !== null && lastLapseAt + RANKING_LIMITS.lapseExclusionMs === endsAt,
        );
        expect(free.some((each) => exclusionOf(each, { ...search, now: endsAt }) !== 'LAPSED_RECENTLY')).toBe(
          true,
        );
      }),
    );
  });
});

describe('a search', () => {
  it('starts at 3 km and widens by half each fruitless round up to 15 km', () => {
    expect([0, 1, 2, 3, 4, 50, 5_000].map((round) => searchRadiusMeters(round, 0))).toEqual([
      3_000, 4_500, 6_750, 10_125, 15_000, 15_000, 15_000,
    ]);
  });

  it('has a wider radius from escalation level 1 on', () => {
    expect([1, 2, 3].map((level) => searchRadiusMeters(0, level))).toEqual([22_500, 22_500, 22_500]);
  });

  it('reaches at least as far as ops widened it, and never less far for that', () => {
    expect(searchRadiusMeters(0, 0, SEARCH_LIMITS, 20_000)).toBe(20_000);
    expect(searchRadiusMeters(0, 1, SEARCH_LIMITS, 20_000)).toBe(22_500);
    expect(searchRadiusMeters(0, 0, SEARCH_LIMITS, null)).toBe(3_000);
  });

  it('waits 5 s after the first fruitless round and twice as long after each further one, up to 2 min', () => {
    expect([1, 2, 3, 4, 5, 6, 5_000].map((round) => searchBackoffMs(round))).toEqual([
      5_000, 10_000, 20_000, 40_000, 80_000, 120_000, 120_000,
    ]);
  });

  it('never narrows or speeds up as rounds go by', () => {
    fc.assert(
      fc.property(fc.nat(3_000), fc.nat(3), (round, level) => {
        expect(searchRadiusMeters(round + 1, level)).toBeGreaterThanOrEqual(searchRadiusMeters(round, level));
        expect(searchBackoffMs(round + 1)).toBeGreaterThanOrEqual(searchBackoffMs(round));
        expect(searchBackoffMs(round)).toBeLessThanOrEqual(SEARCH_LIMITS.maxBackoffMs);
      }),
    );
  });
});

describe('answersOffers', () => {
  it('is true for apps of version 2 and later only', () => {
    expect([null, 0, 1, 2, 3].map(answersOffers)).toEqual([false, false, false, true, true]);
  });
});

/** Who is asked for what, and when (docs/behaviour.md#matching). */
import { describe, expect, test } from '@jest/globals';
import { explainRound } from '../../domain/matching/explainRound';
import { decideRound } from '../../domain/matching/matcher';
import type { MatchDelivery, MatchDriver, Round, RoundInput } from '../../domain/matching/round';
import { MATCH_WEIGHTS, type MatchWeights } from '../../domain/matching/weights';
import { matchDelivery, matchDriver } from '../support/matchedStreet';

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 4, 1, 18);
/** A place on a street, in minutes of travel. */
type Place = number;
const at = (minutes: number): number => NOW + minutes * MINUTE;

const delivery = (deliveryId: string, change: Partial<MatchDelivery<Place>> = {}): MatchDelivery<Place> =>
  matchDelivery(NOW, deliveryId, change);
const driver = (driverId: string, change: Partial<MatchDriver<Place>> = {}): MatchDriver<Place> =>
  matchDriver(NOW, driverId, change);
const travel = (from: Place, to: Place): number => Math.abs(from - to) * MINUTE;
const roundOf = (
  deliveries: MatchDelivery<Place>[],
  drivers: MatchDriver<Place>[],
  weights: Partial<MatchWeights> = {},
): Round => decideRound({ now: NOW, deliveries, drivers, travel }, { ...MATCH_WEIGHTS, ...weights });
const offered = ({ offers }: Round): string[] =>
  offers.map(({ driverId, deliveryIds }) => `${driverId}: ${deliveryIds.join(' ')}`).sort();

describe('a round asks', () => {
  test('the nearest driver for what is ready', () =>
    expect(
      offered(roundOf([delivery('a')], [driver('kim', { place: 9 }), driver('lee', { place: 2 })])),
    ).toEqual(['lee: a']));

  test('not each delivery’s nearest driver, but those who are best together', () => {
    const deliveries = [
      delivery('a', { pickup: { key: 'a', place: 0 } }),
      delivery('b', { pickup: { key: 'b', place: 3 } }),
    ];
    const drivers = [driver('kim', { place: 1 }), driver('lee', { place: -20 })];
    // Kim is nearest to both; with lee at -20 the shorter total is lee for a, kim for b.
    expect(offered(roundOf(deliveries, drivers))).toEqual(['kim: b', 'lee: a']);
  });

  test('the driver who soon comes free beside the pickup, not the free one far away', () => {
    const drivers = [driver('far', { place: 30 }), driver('soon', { freeAt: at(4), place: 0 })];
    const round = roundOf([delivery('a')], drivers, { safetyMs: MINUTE });
    expect(offered(round)).toEqual([]);
    expect(round.held).toMatchObject([{ driverId: 'soon', deliveryIds: ['a'], until: at(3) }]);
    expect(round.comeBackAt).toBe(at(3));
  });

  test('a driver below their guarantee first, since the job costs nothing there', () => {
    const drivers = [
      driver('short', { place: 2, shiftEndsAt: at(40), guaranteedCents: 5_000 }),
      driver('paid', { place: 1, shiftEndsAt: at(40), guaranteedCents: 5_000, earnedCents: 6_000 }),
    ];
    expect(offered(roundOf([delivery('a')], drivers, { fairnessMsPerCent: 0 }))).toEqual(['short: a']);
  });

  test('a driver below their guarantee whose shift has no planned end', () =>
    expect(
      offered(roundOf([delivery('a')], [driver('kim', { guaranteedCents: 5_000, shiftEndsAt: null })])),
    ).toEqual(['kim: a']));

  test('among equals the one who has earned less', () => {
    const drivers = [driver('a-rich', { earnedCents: 9_000 }), driver('b-poor', { earnedCents: 2_000 })];
    expect(offered(roundOf([delivery('a')], drivers))).toEqual(['b-poor: a']);
  });

  test('among equals in all else the one who has been free the longest', () => {
    const drivers = [driver('a-late', { idleSince: at(-2) }), driver('b-early', { idleSince: at(-30) })];
    expect(offered(roundOf([delivery('a')], drivers))).toEqual(['b-early: a']);
  });

  test('among equals the one who more likely accepts', () => {
    const drivers = [driver('a-picky', { acceptOdds: 0.3 }), driver('b-keen', { acceptOdds: 0.9 })];
    expect(offered(roundOf([delivery('a')], drivers))).toEqual(['b-keen: a']);
  });

  test.each<[string, Partial<MatchDelivery<Place>>]>([
    ['waited longer', { waitingSince: at(-60), placedAt: at(-60), readyAt: at(-60) }],
    ['has a higher level', { level: 2 }],
    ['has a window that ends', { windowTo: at(9) }],
  ])('for one driver the delivery that %s, even from farther away', (_what, change) => {
    const far = delivery('z-urgent', {
      pickup: { key: 'z', place: 1 },
      dropoff: { key: 'd', place: 9 },
      ...change,
    });
    const windowed = { windowTo: at(60) };
    expect(offered(roundOf([delivery('a', windowed), far], [driver('kim')]))).toEqual(['kim: z-urgent']);
  });

  test('nobody whose vehicle is too small, whose shift ends before the pickup, or who may not be asked', () => {
    const large = delivery('large', { parcelSize: 'LARGE' });
    expect(roundOf([large], [driver('kim', { vehicle: 'BICYCLE' })]).unmatched).toEqual([
      { deliveryId: 'large', why: 'NOBODY_IN_REACH' },
    ]);
    expect(roundOf([delivery('a')], [driver('kim', { place: 9, shiftEndsAt: at(8) })]).unmatched).toEqual([
      { deliveryId: 'a', why: 'NOBODY_IN_REACH' },
    ]);
    // A search excludes this driver, too: proposed again and again, nobody else would ever be.
    const atItsEnd = delivery('a', { readyAt: at(8) });
    expect(roundOf([atItsEnd], [driver('kim', { shiftEndsAt: at(8) })]).offers).toEqual([]);
    for (const until of [null, at(5)]) {
      const round = roundOf([delivery('a', { notBefore: { kim: until } })], [driver('kim')]);
      expect(round.unmatched).toEqual([{ deliveryId: 'a', why: 'ALL_EXCLUDED' }]);
      expect(round.comeBackAt).toBe(until);
    }
  });

  test('again who may be asked again by now', () =>
    expect(offered(roundOf([delivery('a', { notBefore: { kim: NOW } })], [driver('kim')]))).toEqual([
      'kim: a',
    ]));

  test('nobody for the delivery that has to stand back, and says so', () =>
    expect(roundOf([delivery('a', { level: 1 }), delivery('b')], [driver('kim')]).unmatched).toEqual([
      { deliveryId: 'b', why: 'OTHERS_FIRST' },
    ]));
});

describe('an offer', () => {
  test('waits until the driver must leave, less the time for an answer and for a second driver', () => {
    const round = roundOf([delivery('a', { readyAt: at(30) })], [driver('kim', { place: 5 })], {
      safetyMs: 3 * MINUTE,
    });
    // 30 minutes, less half of the stop (2), the way (5) and the time to spare (3).
    expect(round.held).toMatchObject([{ driverId: 'kim', deliveryIds: ['a'], until: at(20) }]);
    expect(round.comeBackAt).toBe(at(20));
  });

  test('is made at the latest safe time', () =>
    expect(
      offered(
        roundOf([delivery('a', { readyAt: at(10) })], [driver('kim', { place: 5 })], {
          safetyMs: 3 * MINUTE,
        }),
      ),
    ).toEqual(['kim: a']));
});

describe('a bundle', () => {
  const shop = { key: 'shop', place: 0 };
  const pair = (doorB: number, readyB = 0): MatchDelivery<Place>[] => [
    delivery('a', { pickup: shop, dropoff: { key: 'a', place: 8 } }),
    delivery('b', { pickup: shop, dropoff: { key: 'b', place: doorB }, readyAt: at(readyB) }),
  ];
  const roomy = driver('kim', { room: 3 });

  test('takes deliveries of one shop on one way, the nearer door first', () => {
    expect(offered(roundOf(pair(5), [roomy]))).toEqual(['kim: b a']);
  });

  test('is not made where a customer would wait too long, for the other’s door or food', () => {
    expect(offered(roundOf(pair(-8), [roomy]))).toHaveLength(1);
    expect(offered(roundOf(pair(-8), [roomy]))[0]).not.toContain('a b');
    expect(offered(roundOf(pair(5, 20), [roomy]))).toEqual(['kim: a']);
  });

  test('needs room, and one shop', () => {
    expect(offered(roundOf(pair(5), [driver('kim', { room: 1 })]))).toHaveLength(1);
    const [a, b] = pair(5);
    const elsewhere = { ...b!, pickup: { key: 'other', place: 0 } };
    expect(roundOf([a!, elsewhere], [roomy]).unmatched).toHaveLength(1);
  });

  test('has at most as many deliveries as it may', () => {
    const four = [1, 2, 3, 4].map((n) =>
      delivery(`d${n}`, { pickup: shop, dropoff: { key: `${n}`, place: 5 } }),
    );
    expect(roundOf(four, [roomy], { maxBundle: 2 }).offers[0]?.deliveryIds).toHaveLength(2);
    expect(roundOf(four, [roomy], { maxBundle: 3 }).offers[0]?.deliveryIds).toHaveLength(3);
  });
});

/** A town made from a seed. */
function townOf(seed: number): RoundInput<Place> {
  let state = seed * 7_919 + 1;
  const draw = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  const drivers = Array.from({ length: 1 + draw(12) }, (_, n) =>
    driver(`driver-${n}`, {
      place: draw(40),
      freeAt: at(draw(4) === 0 ? draw(25) : 0),
      room: 1 + draw(3),
      vehicle: draw(3) === 0 ? 'BICYCLE' : 'CAR',
      shiftEndsAt: draw(3) === 0 ? at(draw(60)) : null,
      guaranteedCents: draw(2) === 0 ? draw(9_000) : null,
      earnedCents: draw(6_000),
      acceptOdds: (1 + draw(10)) / 10,
    }),
  );
  const deliveries = Array.from({ length: 1 + draw(14) }, (_, n) =>
    delivery(`delivery-${n}`, {
      pickup: (({ key, place }) => ({ key: `shop-${key}`, place }))({ key: draw(4), place: 0 }),
      dropoff: { key: `door-${n}`, place: draw(30) },
      parcelSize: draw(5) === 0 ? 'LARGE' : 'SMALL',
      readyAt: at(draw(40) - 15),
      level: draw(4),
      windowTo: draw(3) === 0 ? at(draw(60)) : null,
      notBefore: draw(2) === 0 ? { [`driver-${draw(8)}`]: draw(2) === 0 ? null : at(draw(20) - 10) } : {},
    }),
  );
  return { now: NOW, deliveries, drivers, travel };
}
const SEEDS = Array.from({ length: 150 }, (_, seed) => seed);
const pairsOf = ({ offers, held }: Round) => [...offers, ...held];
const shuffled = <T>(items: readonly T[]): T[] =>
  [...items]
    .map((item, n) => ({ item, key: (n * 7 + 3) % 11 }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);

describe('whatever the town', () => {
  test('no driver and no delivery is in two pairs, and each delivery has its place in the round', () => {
    for (const input of SEEDS.map(townOf)) {
      const round = decideRound(input);
      const pairs = pairsOf(round);
      const drivers = pairs.map(({ driverId }) => driverId);
      expect(new Set(drivers).size).toBe(drivers.length);
      const named = [
        ...pairs.flatMap(({ deliveryIds }) => deliveryIds),
        ...round.unmatched.map((u) => u.deliveryId),
      ];
      expect(named.sort()).toEqual(input.deliveries.map(({ deliveryId }) => deliveryId).sort());
    }
  });

  test('nobody is asked who may not be, has no room, or cannot be at the pickup in their shift', () => {
    for (const input of SEEDS.map(townOf))
      for (const { driverId, deliveryIds } of pairsOf(decideRound(input))) {
        const who = input.drivers.find((each) => each.driverId === driverId)!;
        const what = input.deliveries.filter((each) => deliveryIds.includes(each.deliveryId));
        expect(what.length).toBeLessThanOrEqual(who.room);
        expect(new Set(what.map(({ pickup }) => pickup.key)).size).toBe(1);
        for (const { notBefore, parcelSize, pickup } of what) {
          expect([undefined, true]).toContain(
            driverId in notBefore ? notBefore[driverId] !== null && notBefore[driverId]! <= NOW : undefined,
          );
          expect(parcelSize === 'LARGE' && who.vehicle === 'BICYCLE').toBe(false);
          const arriveAt = Math.max(NOW, who.freeAt) + travel(who.place, pickup.place);
          expect(arriveAt).toBeLessThanOrEqual(who.shiftEndsAt ?? Infinity);
        }
      }
  });

  test('nothing is held past the latest time at which its driver must be asked, and nothing is asked before', () => {
    for (const input of SEEDS.map(townOf)) {
      const round = decideRound(input);
      const mustLeaveAt = ({
        driverId,
        deliveryIds,
      }: {
        driverId: string;
        deliveryIds: readonly string[];
      }) => {
        const who = input.drivers.find((each) => each.driverId === driverId)!;
        const what = input.deliveries.filter((each) => deliveryIds.includes(each.deliveryId));
        const readyAt = Math.max(...what.map((each) => each.readyAt));
        return Math.max(
          who.freeAt,
          readyAt - MATCH_WEIGHTS.pickupStopMs / 2 - travel(who.place, what[0]!.pickup.place),
        );
      };
      for (const pair of round.held) {
        expect(pair.until).toBeGreaterThan(NOW);
        expect(pair.until).toBe(mustLeaveAt(pair) - MATCH_WEIGHTS.safetyMs);
      }
      for (const pair of round.offers)
        expect(mustLeaveAt(pair) - MATCH_WEIGHTS.safetyMs).toBeLessThanOrEqual(NOW);
      if (round.held.length > 0)
        expect(round.comeBackAt).toBeLessThanOrEqual(Math.min(...round.held.map(({ until }) => until)));
    }
  });

  test('the order of the input makes no difference', () => {
    for (const input of SEEDS.map(townOf))
      expect(
        decideRound({ ...input, deliveries: shuffled(input.deliveries), drivers: shuffled(input.drivers) }),
      ).toEqual(decideRound(input));
  });
});

describe('a driver with work and room', () => {
  const dropoff = (deliveryId: string, place: Place, promised: number) =>
    ({
      deliveryId,
      key: `door of ${deliveryId}`,
      place,
      visitMs: 4 * MINUTE,
      kind: 'DROPOFF',
      promisedAt: at(promised),
    }) as const;
  const working = (driverId: string, change: Partial<MatchDriver<Place>> = {}): MatchDriver<Place> =>
    driver(driverId, {
      route: { stops: [dropoff('mine', 8, 10)], capacity: 2, maxExtraMs: 10 * MINUTE },
      ...change,
    });

  test('is asked for what lies on their way, before a free one who would come for it', () => {
    const waiting = delivery('a', { pickup: { key: 'shop', place: 3 }, dropoff: { key: 'door', place: 10 } });
    const round = roundOf([waiting], [working('kim'), driver('lee', { place: 20 })]);
    expect(offered(round)).toEqual(['kim: a']);
    expect(explainRound(round, 'a').join(' ')).toContain(
      'the delay of the customers whom the driver has already',
    );
  });

  test('is not asked where their shift ends as the goods are ready, as a search would not', () => {
    const [pickup, dropoffOnWay] = [
      { key: 'shop', place: 3 },
      { key: 'door', place: 10 },
    ];
    const waiting = delivery('a', { pickup, dropoff: dropoffOnWay, readyAt: at(8) });
    const endingAt = (minute: number): Round =>
      roundOf([waiting], [working('kim', { shiftEndsAt: at(minute) })], { safetyMs: 60 * MINUTE });
    expect(offered(endingAt(9))).toEqual(['kim: a']);
    expect(offered(endingAt(8))).toEqual([]);
  });

  test('is not sent the other way with the goods of another on board', () => {
    const waiting = delivery('a', {
      pickup: { key: 'shop', place: -9 },
      dropoff: { key: 'door', place: -12 },
    });
    expect(offered(roundOf([waiting], [working('kim')]))).toEqual([]);
    expect(offered(roundOf([waiting], [working('kim'), driver('lee', { place: 20 })]))).toEqual(['lee: a']);
  });

  test('goes to the door first where nothing more fits on board', () => {
    const route = { stops: [dropoff('mine', 3, 5)], capacity: 1, maxExtraMs: 10 * MINUTE };
    const waiting = delivery('a', { pickup: { key: 'shop', place: 4 }, dropoff: { key: 'door', place: 6 } });
    const [offer] = roundOf([waiting], [working('kim', { route })], { safetyMs: 60 * MINUTE }).offers;
    expect(offer?.parts.find(({ what }) => what === 'OTHERS_LATER')).toBeUndefined();
  });
});

import { performance } from 'node:perf_hooks';
import { decideRound } from '../../domain/matching/matcher';
import type { MatchDelivery, MatchDriver, MatchPair, Round } from '../../domain/matching/round';
import type { MatchWeights } from '../../domain/matching/weights';
import type { Random } from '../../simulator/kit/random';
import { answerOf, type AnswerShares } from '../../simulator/replay/answers';
import type { DayCourier, DayOrder, Place } from '../../simulator/replay/day';
import { travelMinutes } from '../../simulator/replay/timing';
import type { PaidDay } from './day';
import type { PlannedJob } from './judge';

/** How couriers answer: the share that says no at once, and the share that lets an offer lapse. */
export type Answers = AnswerShares & { random: Random };

/** A day as it went. */
export type PlayedDay = {
  plan: PlannedJob[];
  refused: number;
  lapsed: number;
  rounds: number;
  longestRoundMs: number;
};

const MINUTE_MS = 60_000;
/** Orders that wait this long after the last was placed stay undelivered. */
const AFTER_LAST_MINUTES = 240;
/** How long an offer waits for an answer, and how long a driver who let one lapse is not asked for it again. */
const OFFER_MINUTES = 0.5;
const LAPSE_EXCLUSION_MINUTES = 5;

type Waiting = { order: DayOrder; notBefore: Record<string, number | null>; askedUntil: number };
type Courier = {
  facts: DayCourier;
  place: Place;
  freeMinute: number;
  orders: number;
  /** An offer waits for their answer until then. */
  askedUntil: number;
};

/** Plays a day in simulated time: a round each minute, over the orders placed by then. */
export function playDay(day: PaidDay, weights: MatchWeights, answers: Answers | null): PlayedDay {
  const town = new Town(day, weights, answers);
  const last = Math.max(...day.orders.map(({ placementMinute }) => placementMinute));
  for (let minute = 0; minute < last + AFTER_LAST_MINUTES; minute += 1) town.round(minute);
  return town.played;
}

class Town {
  readonly played: PlayedDay = { plan: [], refused: 0, lapsed: 0, rounds: 0, longestRoundMs: 0 };
  private readonly queue: DayOrder[];
  private readonly couriers: Map<string, Courier>;
  private readonly waiting = new Map<string, Waiting>();
  private readonly travel = (from: Place, to: Place): number =>
    travelMinutes(from, to, this.day.rules) * MINUTE_MS;

  constructor(
    private readonly day: PaidDay,
    private readonly weights: MatchWeights,
    private readonly answers: Answers | null,
  ) {
    this.queue = [...day.orders];
    this.couriers = new Map(
      day.couriers.map((facts) => [
        facts.id,
        { facts, place: facts, freeMinute: facts.onMinute, orders: 0, askedUntil: 0 },
      ]),
    );
  }

  round(minute: number): void {
    for (let next = this.queue[0]; next && next.placementMinute <= minute; next = this.queue[0]) {
      this.queue.shift();
      this.waiting.set(next.id, { order: next, notBefore: {}, askedUntil: 0 });
    }
    const open = [...this.waiting.values()].filter(({ askedUntil }) => askedUntil <= minute);
    if (open.length === 0) return;
    const round = this.decide(minute, open);
    for (const pair of round.offers) this.offer(pair, minute);
  }

  private decide(minute: number, open: readonly Waiting[]): Round {
    const begun = performance.now();
    const round = decideRound(
      {
        now: minute * MINUTE_MS,
        deliveries: open.map((each) => this.deliveryOf(each)),
        drivers: [...this.couriers.values()]
          .filter(({ facts, askedUntil }) => facts.offMinute >= minute && askedUntil <= minute)
          .map((each) => this.driverOf(each)),
        travel: this.travel,
      },
      this.weights,
    );
    this.played.rounds += 1;
    this.played.longestRoundMs = Math.max(this.played.longestRoundMs, performance.now() - begun);
    return round;
  }

  private offer({ driverId, deliveryIds }: MatchPair, minute: number): void {
    const courier = this.couriers.get(driverId);
    const asked = deliveryIds.flatMap((id) => this.waiting.get(id) ?? []);
    if (!courier) return;
    const answer = this.answers ? answerOf(this.answers.random.next(), this.answers) : 'accept';
    if (answer === 'refuse') {
      this.played.refused += 1;
      for (const each of asked) each.notBefore[driverId] = null;
    } else if (answer === 'lapse') {
      this.played.lapsed += 1;
      courier.askedUntil = minute + OFFER_MINUTES;
      for (const each of asked) {
        each.askedUntil = courier.askedUntil;
        each.notBefore[driverId] = (courier.askedUntil + LAPSE_EXCLUSION_MINUTES) * MINUTE_MS;
      }
    } else this.assign(courier, asked, minute);
  }

  private assign(courier: Courier, asked: readonly Waiting[], minute: number): void {
    const orders = asked.map(({ order }) => order);
    const restaurant = this.day.restaurants.get(orders[0]?.restaurantId ?? '');
    if (!restaurant) return;
    const { rules } = this.day;
    const arrive = Math.max(minute, courier.freeMinute) + travelMinutes(courier.place, restaurant, rules);
    const ready = Math.max(...orders.map(({ readyMinute }) => readyMinute));
    let at = Math.ceil(Math.max(arrive + rules.pickupServiceMinutes / 2, ready));
    at += rules.pickupServiceMinutes / 2;
    let from: Place = restaurant;
    for (const order of orders) {
      at += travelMinutes(from, order, rules) + rules.dropoffServiceMinutes;
      from = order;
      this.waiting.delete(order.id);
    }
    Object.assign(courier, { place: from, freeMinute: at, orders: courier.orders + orders.length });
    this.played.plan.push({
      assignedMinute: minute,
      courierId: courier.facts.id,
      orderIds: orders.map(({ id }) => id),
    });
  }

  private deliveryOf({ order, notBefore }: Waiting): MatchDelivery<Place> {
    const restaurant = this.day.restaurants.get(order.restaurantId) ?? order;
    const placedAt = order.placementMinute * MINUTE_MS;
    return {
      deliveryId: order.id,
      pickup: { key: order.restaurantId, place: restaurant },
      dropoff: { key: order.id, place: order },
      parcelSize: 'SMALL',
      placedAt,
      readyAt: order.readyMinute * MINUTE_MS,
      windowTo: null,
      waitingSince: placedAt,
      level: 0,
      payCents: this.day.terms.payOrder * 100,
      notBefore,
    };
  }

  private driverOf({ facts, place, freeMinute, orders }: Courier): MatchDriver<Place> {
    const { payOrder, payHour } = this.day.terms;
    return {
      driverId: facts.id,
      vehicle: 'CAR',
      freeAt: freeMinute * MINUTE_MS,
      place,
      room: this.weights.maxBundle,
      shiftEndsAt: facts.offMinute * MINUTE_MS,
      idleSince: null,
      earnedCents: payOrder * 100 * orders,
      guaranteedCents: (payHour * 100 * (facts.offMinute - facts.onMinute)) / 60,
      acceptOdds: this.answers ? 1 - this.answers.refuse - this.answers.lapse : 1,
    };
  }
}

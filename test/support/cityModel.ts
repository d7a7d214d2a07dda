import { distanceMeters, type Point } from '../../domain/geo/places';
import { DEMO_SHOPS, DEMO_ZONES, demoDriver } from '../../simulator/demo/city';
import { THINK_MS } from '../../simulator/demo/world';
import { type Random, randomFrom } from '../../simulator/kit/random';
import { DEMO_ODDS, HANDOVER_SECONDS } from '../../simulator/people/driver';
import { straightSpeed } from '../../simulator/people/movement';
import { drawPauses, pointIn, READY_MINUTES } from '../../simulator/people/orders';
import { type Roster, rosterOf } from '../../simulator/people/roster';

/** The city at one instant; taken once a minute of its clock. */
export type CitySample = { clockMs: number; waiting: number; driversOnDuty: number; delivered: number };

export type ModelOptions = {
  seed: string;
  drivers: number;
  speed: number;
  minutes: number;
  /** Orders that wait when the clock starts, of an earlier run. */
  backlog?: number;
  /** Orders an hour. `waiting` is as old as the demo's own count of it. */
  rate: (city: { clockMs: number; driversOnDuty: number; waiting: number }) => number;
};

const TICK_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const COUNTED_EVERY_MS = 10_000;
const OFFER_MS = 30_000;
/** A lapse excludes for so long; a refusal until the first escalation, which comes as late. */
const EXCLUDED_MS = 5 * MINUTE_MS;

/** `heldUntil`: there is an offer for it. `notAgainUntil`: when drivers who did not want it may be asked again. */
type Order = {
  shop: Point;
  door: Point;
  readyAt: number;
  heldUntil: number;
  notAgainUntil: Map<number, number>;
};
type Driver = { number: number; place: Point; metersPerSecond: number; busyUntil: number };

/**
 * The demo city without a service: the same shops, doors, drivers, roster, speeds and odds, and the nearest
 * free driver is asked, the oldest order first. Hours take milliseconds.
 */
export function playCity({
  seed,
  drivers: count,
  speed,
  minutes,
  backlog = 0,
  rate,
}: ModelOptions): CitySample[] {
  const random = randomFrom(seed);
  const roster = rosterOf({
    drivers: count,
    random: random.stream('roster'),
    takesBreaks: (number) => !demoDriver(number).isV1,
  });
  const city = new CityModel(random.stream('city'), roster, count, speed);
  for (let order = 0; order < backlog; order++) city.order(0);
  const samples: CitySample[] = [];
  const orders = random.stream('orders');
  let pauses = 0;
  let [counted, driversOnDuty] = [0, 0];
  for (let clockMs = 0; clockMs <= minutes * MINUTE_MS; clockMs += TICK_MS) {
    if (clockMs % COUNTED_EVERY_MS === 0) [counted, driversOnDuty] = [city.waiting, roster.onDutyAt(clockMs)];
    pauses -= (rate({ clockMs, driversOnDuty, waiting: counted }) * TICK_MS) / HOUR_MS;
    for (; pauses <= 0; pauses += drawPauses(orders)) city.order(clockMs);
    city.assign(clockMs);
    if (clockMs % MINUTE_MS === 0)
      samples.push({ clockMs, waiting: city.waiting, driversOnDuty, delivered: city.delivered });
  }
  return samples;
}

class CityModel {
  delivered = 0;
  private readonly orders: Order[] = [];
  private readonly drivers: Driver[];

  constructor(
    private readonly random: Random,
    private readonly roster: Roster,
    count: number,
    private readonly speed: number,
  ) {
    this.drivers = Array.from({ length: count }, (_, number) => ({
      number,
      place: pointIn(random.pick(DEMO_ZONES), random),
      metersPerSecond: straightSpeed(demoDriver(number).vehicle, speed),
      busyUntil: 0,
    }));
  }

  get waiting(): number {
    return this.orders.length;
  }

  order(clockMs: number): void {
    const { random, speed } = this;
    this.orders.push({
      shop: random.pick(DEMO_SHOPS).point,
      door: pointIn(random.pick(DEMO_ZONES), random),
      readyAt: clockMs + (random.between(READY_MINUTES.min, READY_MINUTES.max) * MINUTE_MS) / speed,
      heldUntil: 0,
      notAgainUntil: new Map(),
    });
  }

  assign(clockMs: number): void {
    if (this.orders.length === 0) return;
    const onDuty = this.drivers.filter(
      ({ number, busyUntil }) => busyUntil <= clockMs && this.roster.dutyAt(number, clockMs) === 'onDuty',
    );
    for (const order of this.orders.filter(({ heldUntil }) => heldUntil <= clockMs)) {
      const free = onDuty.filter(({ busyUntil }) => busyUntil <= clockMs);
      if (free.length === 0) return;
      const driver = nearest(free, order, clockMs);
      if (driver) this.offer(order, driver, clockMs);
    }
  }

  private offer(order: Order, driver: Driver, clockMs: number): void {
    const answeredAt = clockMs + this.random.between(THINK_MS.min, THINK_MS.max);
    const draw = this.random.next();
    if (demoDriver(driver.number).isV1) return this.carry(order, driver, clockMs);
    if (draw < DEMO_ODDS.accept) return this.carry(order, driver, answeredAt);
    const until = draw < DEMO_ODDS.accept + DEMO_ODDS.reject ? answeredAt : clockMs + OFFER_MS;
    order.notAgainUntil.set(driver.number, until + EXCLUDED_MS);
    order.heldUntil = until;
    driver.busyUntil = until;
  }

  private carry(order: Order, driver: Driver, clockMs: number): void {
    const rideMs = (from: Point, to: Point): number =>
      (distanceMeters(from, to) * 1_000) / driver.metersPerSecond;
    const handoverMs = (HANDOVER_SECONDS * 1_000) / this.speed;
    const fetchedAt = Math.max(clockMs + rideMs(driver.place, order.shop), order.readyAt) + handoverMs;
    driver.busyUntil = fetchedAt + rideMs(order.shop, order.door) + handoverMs;
    driver.place = order.door;
    this.orders.splice(this.orders.indexOf(order), 1);
    this.delivered += 1;
  }
}

function nearest(
  free: readonly Driver[],
  { shop, notAgainUntil }: Order,
  clockMs: number,
): Driver | undefined {
  const metersTo = ({ place }: Driver): number => distanceMeters(place, shop);
  return free
    .filter(({ number }) => (notAgainUntil.get(number) ?? 0) <= clockMs)
    .reduce<Driver | undefined>(
      (best, each) => (best && metersTo(best) <= metersTo(each) ? best : each),
      undefined,
    );
}

import { v4 as newUuid } from 'uuid';
import type { Connections } from '../client/connections';
import { connectDriver } from '../client/driverSocket';
import { Latencies } from '../client/latencies';
import { type MerchantClient, requireSuccess } from '../client/service';
import { Ledger } from '../people/ledger';
import { pause, waitUntil } from '../kit/pause';
import { randomFrom } from '../kit/random';
import { type AnswerOptions, drawAnswer } from './answers';
import { Courier } from './courier';
import type { Day, DayCourier, DayOrder, Place } from './day';
import { Lag } from './lag';
import { middleOf, pointOf } from './plane';
import { placePauseMs } from './settings';
import { type DayClock, dayClock } from './timing';

export type ReplayOptions = {
  speed: number;
  untilMinute: number | null;
  /** The draws of the couriers' answers. */
  seed: string;
} & AnswerOptions;
export type ReplayDeps = { day: Day; connections: Connections; log: (line: string) => void };

/** Why a day's replay ended. */
export type ReplayEnd = 'ALL_ENDED' | 'NO_COURIER_LEFT' | 'UNTIL' | 'STOPPED';

/** Delay between the preparation and the first played minute, in real ms. */
const LEAD_MS = 1_000;
/** The plane of a day may be of any size. */
const PLANE_METERS = 1_000_000;
const REGISTRATIONS_AT_ONCE = 8;
const TIMER_EVERY_MS = 100;

/**
 * Plays one day through the running system. Its shops and couriers are real clients on the day's clock.
 */
export class Replay {
  readonly lag = new Lag();
  readonly ledger = new Ledger();
  readonly latencies = new Latencies();
  readonly couriers: Courier[] = [];
  /** The order of each delivery and the courier of each driver, by the service's ids. */
  readonly orderIds = new Map<string, string>();
  readonly courierIds = new Map<string, string>();
  private readonly byDelivery = new Map<string, DayOrder>();
  private readonly awaited = new Map<string, ((order: DayOrder) => void)[]>();
  private readonly middle: Place;
  private readonly cityId: string;
  private placed = 0;
  private started: DayClock | null = null;

  constructor(
    private readonly deps: ReplayDeps,
    private readonly options: ReplayOptions,
  ) {
    const { orders, couriers, restaurants } = deps.day;
    this.middle = middleOf([...orders, ...couriers, ...restaurants.values()]);
    this.cityId = `day-${Date.now().toString(36)}`;
  }

  get clock(): DayClock {
    if (!this.started) throw new Error('the day has not begun');
    return this.started;
  }

  /** Plays the day. `isEnded` says whether these deliveries have all ended. */
  async play(
    isEnded: (deliveryIds: readonly string[]) => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<ReplayEnd> {
    const merchant = await this.prepare();
    this.started = dayClock(
      Date.now() + LEAD_MS - (this.firstMinute() * 60_000) / this.options.speed,
      this.options.speed,
    );
    const over = new AbortController();
    const working = AbortSignal.any([signal, over.signal]);
    const crew = this.couriers.map((courier) =>
      courier.work(working).catch((error: unknown) => this.deps.log(String(error))),
    );
    void this.watchTimers(working);
    const ordering = this.placeOrders(merchant, working);
    const end = await Promise.race([
      this.untilMinute(working),
      ordering.then(() => this.untilEnded(isEnded, working)),
    ]);
    over.abort();
    await Promise.all([...crew, ordering]);
    return end ?? 'STOPPED';
  }

  progress(): string {
    const minute = this.started ? Math.max(0, Math.floor(this.clock.minuteOf(Date.now()))) : 0;
    const carried = this.couriers.reduce((sum, courier) => sum + courier.carried.length, 0);
    const orders = this.deps.day.orders.length;
    return `minute ${minute} of the day: ${this.placed} of ${orders} orders placed, ${carried} accepted`;
  }

  // ---- preparation ----

  private async prepare(): Promise<MerchantClient> {
    const { connections, day } = this.deps;
    const ops = await connections.ops('replay');
    const merchantId = `${this.cityId}-shops`;
    requireSuccess(
      'the city',
      await ops.putCity({
        cityId: this.cityId,
        name: 'A day of the past',
        timezone: 'UTC',
        currency: 'USD',
        center: this.pointOf(this.middle),
        serviceRadiusMeters: PLANE_METERS,
      }),
    );
    requireSuccess('the shops', await ops.putMerchant({ merchantId, name: 'The restaurants of the day' }));
    const rest = [...day.couriers];
    const take = async (): Promise<void> => {
      for (let next = rest.pop(); next; next = rest.pop()) {
        const driverId = newUuid();
        this.courierIds.set(driverId, next.id);
        requireSuccess(
          next.id,
          await ops.putDriver({
            driverId,
            cityId: this.cityId,
            name: next.id,
            vehicle: 'CAR',
            offerVersion: 2,
          }),
        );
        this.couriers.push(await this.courier(driverId, next));
      }
    };
    await Promise.all(Array.from({ length: REGISTRATIONS_AT_ONCE }, take));
    return connections.merchant(merchantId);
  }

  private async courier(driverId: string, courier: DayCourier): Promise<Courier> {
    const { connections, day, log } = this.deps;
    const { lag, ledger } = this;
    const random = randomFrom(this.options.seed).stream(courier.id);
    const socket = connectDriver(
      connections.apiUrl,
      await connections.login({ role: 'driver', driverId }),
      (problem) => log(`courier ${courier.id}: ${problem}`),
    );
    return new Courier(
      {
        driverId,
        client: await connections.driver(driverId),
        socket,
        rules: day.rules,
        lag,
        ledger,
        log,
        placeEveryMs: placePauseMs(this.options.speed),
        clock: () => this.clock,
        nextAnswer: () => drawAnswer(this.options, random),
        jobOf: (deliveryId) => this.jobOf(deliveryId),
        pointOf: (place) => this.pointOf(place),
      },
      courier,
    );
  }

  private pointOf(place: Place): { lat: number; lng: number } {
    return pointOf(place, this.middle);
  }

  private firstMinute(): number {
    const { orders, couriers } = this.deps.day;
    return Math.max(
      0,
      Math.min(
        ...orders.map(({ placementMinute }) => placementMinute),
        ...couriers.map(({ onMinute }) => onMinute),
      ) - 1,
    );
  }

  // ---- orders ----

  private async placeOrders(merchant: MerchantClient, signal: AbortSignal): Promise<void> {
    const posting: Promise<void>[] = [];
    for (const order of this.deps.day.orders) {
      if (!(await waitUntil(this.clock.instantOf(order.placementMinute), signal))) break;
      posting.push(
        this.place(order, merchant).catch((error: unknown) =>
          this.deps.log(`order ${order.id}: ${String(error)}`),
        ),
      );
    }
    await Promise.all(posting);
  }

  private async place(order: DayOrder, merchant: MerchantClient): Promise<void> {
    const {
      clock,
      deps: { day },
    } = this;
    const restaurant = this.restaurantOf(order);
    const sentAt = Date.now();
    const { deliveryId } = requireSuccess(
      order.id,
      await merchant.post({
        sellerOrderId: order.id,
        cityId: this.cityId,
        parcelSize: 'SMALL',
        feeCents: 0,
        readyAt: clock.instantOf(order.readyMinute),
        pickup: { address: `restaurant ${order.restaurantId}`, point: this.pointOf(restaurant) },
        dropoff: { address: `order ${order.id} of ${day.orders.length}`, point: this.pointOf(order) },
      }),
    );
    this.placed += 1;
    this.latencies.add('order', Date.now() - sentAt);
    this.lag.add('order', clock.instantOf(order.placementMinute), Date.now());
    this.ledger.add({ kind: 'posted', deliveryId, sellerOrderId: order.id });
    this.orderIds.set(deliveryId, order.id);
    this.byDelivery.set(deliveryId, order);
    for (const resolve of this.awaited.get(deliveryId) ?? []) resolve(order);
    this.awaited.delete(deliveryId);
  }

  private restaurantOf({ id, restaurantId }: DayOrder): Place {
    const restaurant = this.deps.day.restaurants.get(restaurantId);
    if (!restaurant) throw new Error(`order ${id} has no restaurant`);
    return restaurant;
  }

  /** An offer can arrive before the answer to its order, so this waits for the answer. */
  private async jobOf(deliveryId: string): Promise<{ order: DayOrder; restaurant: Place }> {
    const known = this.byDelivery.get(deliveryId);
    const order =
      known ??
      (await new Promise<DayOrder>((resolve) =>
        this.awaited.set(deliveryId, [...(this.awaited.get(deliveryId) ?? []), resolve]),
      ));
    return { order, restaurant: this.restaurantOf(order) };
  }

  // ---- the end ----

  private async untilMinute(signal: AbortSignal): Promise<ReplayEnd> {
    const { untilMinute } = this.options;
    const came = await waitUntil(untilMinute === null ? Infinity : this.clock.instantOf(untilMinute), signal);
    return came ? 'UNTIL' : 'STOPPED';
  }

  private async untilEnded(
    isEnded: (deliveryIds: readonly string[]) => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<ReplayEnd | undefined> {
    while (await pause(1_000, signal)) {
      if (await isEnded([...this.orderIds.keys()])) return 'ALL_ENDED';
      if (this.couriers.every(({ isHome }) => isHome)) return 'NO_COURIER_LEFT';
    }
    return undefined;
  }

  /** Samples the lag of this process's own timers. */
  private async watchTimers(signal: AbortSignal): Promise<void> {
    for (
      let dueAt = Date.now() + TIMER_EVERY_MS;
      await waitUntil(dueAt, signal);
      dueAt = Math.max(dueAt + TIMER_EVERY_MS, Date.now())
    )
      this.lag.add('timer', dueAt, Date.now());
  }
}

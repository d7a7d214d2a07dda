import type { ParcelSize } from '../../domain/driver/vehicles';
import { contains } from '../../domain/zones/zones';
import type { Point } from '../../domain/geo/places';
import type { Latencies } from '../client/latencies';
import type { MerchantClient, NewOrder } from '../client/service';
import { requireSuccess } from '../client/service';
import { DEMO_CITY, DEMO_SHOPS, DEMO_ZONES, type DemoShop, type DemoZone } from '../demo/city';
import type { Ledger } from './ledger';
import { pause } from '../kit/pause';
import type { Random } from '../kit/random';

export type OrderPlan = {
  /** Mean pause between two orders, in ms: fixed, or a function of the moment. Infinity: no orders. */
  everyMs: number | (() => number);
  /** The total number of orders; null: until stopped. */
  count: number | null;
  /** The share of orders cancelled soon after placement, 0..1. */
  cancelOdds: number;
  /** The goods are ready this many times faster than in real life. */
  speed: number;
  /**
   * Whether the next order can come before the answer to the last one. Shops do not wait for each other.
   */
  isOpenLoop?: boolean;
  /** A prefix that tells the orders of this run from those of other runs. */
  run: string;
};

export type OrderDeps = {
  clients: ReadonlyMap<string, MerchantClient>;
  random: Random;
  ledger: Ledger;
  latencies: Latencies;
  log: (line: string) => void;
};

/** A placed order: its delivery, and when it was sent (epoch ms). */
export type PlacedOrder = { deliveryId: string; sellerOrderId: string; sentAt: number };

export const READY_MINUTES = { min: 0, max: 8 };
/** The interval for reading a variable rate. */
const RATE_POLL_MS = 1_000;
const CANCEL_AFTER_MS = { min: 500, max: 6_000 };
/** Maarssen: over 23 km from every place in the city's zones, beyond the radius of any search. */
export const FAR_DEPOT = { address: 'Industrieweg 4, Maarssen', point: { lat: 52.139, lng: 5.041 } } as const;
const STREETS = [
  'Spuistraat',
  'Overtoom',
  'Sarphatistraat',
  'Rijnstraat',
  'Amstelkade',
  'Weesperzijde',
  'Insulindeweg',
  'Molukkenstraat',
  'Cornelis Schuytstraat',
  'Churchilllaan',
];

/** Shops that place orders through the real merchant client. */
export class OrderFlow {
  /** All placed orders since the start or the last `forget`. */
  placed: PlacedOrder[] = [];
  placedCount = 0;
  private begun = 0;
  private hurrying = new AbortController();
  private isClosed = false;

  constructor(
    private readonly deps: OrderDeps,
    private readonly plan: OrderPlan,
  ) {}

  /**
   * Places orders at the set rate, and cancels some, until all are placed, the shops close, or the signal
   * comes. A call after a failure continues with the next order.
   */
  async run(signal: AbortSignal): Promise<void> {
    const under: Promise<void>[] = [];
    while (this.plan.count === null || this.begun < this.plan.count) {
      const number = this.begun;
      const pauses = drawPauses(this.deps.random);
      if (number > 0) await this.waitFor(pauses, AbortSignal.any([signal, this.hurrying.signal]));
      if (signal.aborted || this.isClosed) break;
      this.hurrying = new AbortController();
      this.begun += 1;
      const placing = this.place(number);
      const isCancelled = this.deps.random.chance(this.plan.cancelOdds);
      const dealtWith = placing.then((placed) =>
        isCancelled ? this.cancelLater(placed, signal) : undefined,
      );
      dealtWith.catch(() => undefined); // the wait for all orders reports it
      under.push(dealtWith);
      if (!this.plan.isOpenLoop) await placing;
    }
    await Promise.all(under);
  }

  /** Waits for this many mean pauses. The mean may change during the wait. */
  private async waitFor(pauses: number, signal: AbortSignal): Promise<void> {
    const { everyMs } = this.plan;
    if (typeof everyMs === 'number') return void (await pause(pauses * everyMs, signal));
    for (let left = pauses; left > 0;) {
      const meanMs = everyMs();
      const waitMs = Math.min(RATE_POLL_MS, left * meanMs);
      if (!(await pause(waitMs, signal))) return;
      left = waitMs < RATE_POLL_MS ? 0 : left - waitMs / meanMs;
    }
  }

  /** Brings the next order of the plan forward to now. */
  hurry(): void {
    this.hurrying.abort();
  }

  /** Closes the shops: no more orders of the plan come. */
  close(): void {
    this.isClosed = true;
    this.hurry();
  }

  /** Places one order outside the plan, from a depot too far out of town for any search. */
  placeFar(name: string): Promise<PlacedOrder> {
    const shop = this.deps.random.pick(DEMO_SHOPS);
    return this.post(shop.merchantId, {
      ...this.draw(shop, 0),
      sellerOrderId: `${this.plan.run}-${name}`,
      pickup: FAR_DEPOT,
      readyAt: null,
    });
  }

  /** Places this many orders at the same moment, outside the plan. */
  async placeAtOnce(name: string, count: number): Promise<void> {
    await Promise.all(
      Array.from({ length: count }, (_, index) => {
        const shop = this.deps.random.pick(DEMO_SHOPS);
        return this.post(shop.merchantId, {
          ...this.draw(shop, 0),
          sellerOrderId: `${this.plan.run}-${name}-${index + 1}`,
        });
      }),
    );
  }

  /** Drops the placed orders. Only for a run that is not judged. */
  forget(): void {
    this.placed = [];
  }

  private place(number: number): Promise<PlacedOrder & { client: MerchantClient }> {
    const shop = this.deps.random.pick(DEMO_SHOPS);
    return this.post(shop.merchantId, this.draw(shop, number));
  }

  private async post(merchantId: string, order: NewOrder): Promise<PlacedOrder & { client: MerchantClient }> {
    const { clients, ledger, latencies } = this.deps;
    const client = clients.get(merchantId);
    if (!client) throw new Error(`no client for ${merchantId}`);
    const sentAt = Date.now();
    const { deliveryId } = requireSuccess('posting an order', await client.post(order));
    latencies.add('order', Date.now() - sentAt);
    ledger.add({ kind: 'posted', deliveryId, sellerOrderId: order.sellerOrderId });
    const placed = { deliveryId, sellerOrderId: order.sellerOrderId, sentAt };
    this.placed.push(placed);
    this.placedCount += 1;
    return { ...placed, client };
  }

  private draw(shop: DemoShop, number: number): NewOrder {
    const { random } = this.deps;
    const readyInMs = (random.between(READY_MINUTES.min, READY_MINUTES.max) * 60_000) / this.plan.speed;
    return {
      sellerOrderId: `${this.plan.run}-${String(number + 1).padStart(5, '0')}`,
      cityId: DEMO_CITY.cityId,
      pickup: { address: shop.address, point: shop.point },
      dropoff: {
        address: `${random.pick(STREETS)} ${Math.ceil(random.between(0, 200))}`,
        point: pointIn(random.pick(DEMO_ZONES), random),
        contactName: 'A customer',
      },
      readyAt: Math.round(Date.now() + readyInMs),
      parcelSize: random.pick(PARCELS),
      feeCents: 595,
    };
  }

  private async cancelLater(
    { deliveryId, client }: { deliveryId: string; client: MerchantClient },
    signal: AbortSignal,
  ): Promise<void> {
    const { random, ledger } = this.deps;
    if (!(await pause(random.between(CANCEL_AFTER_MS.min, CANCEL_AFTER_MS.max), signal))) return;
    const answer = await client.cancel(deliveryId, 'CUSTOMER_CANCELLED');
    if (answer.ok) ledger.add({ kind: 'cancelled', deliveryId });
    else this.deps.log(`order ${deliveryId} could not be cancelled: ${answer.code}`);
  }
}

/**
 * The pause until the next order, in mean pauses. Pauses between independent customers are exponential. The
 * cap is three times the mean.
 */
export function drawPauses(random: Random): number {
  return Math.min(3, -Math.log(1 - random.next()));
}

/** No order needs a van: the fleet may have only one, and its driver may reject. */
const PARCELS: readonly ParcelSize[] = ['SMALL', 'SMALL', 'SMALL', 'MEDIUM'];

/** A random place in a zone, uniformly distributed. */
export function pointIn({ ring }: DemoZone, random: Random): Point {
  const lngs = ring.map(([lng]) => lng);
  const lats = ring.map(([, lat]) => lat);
  for (;;) {
    const point = {
      lat: random.between(Math.min(...lats), Math.max(...lats)),
      lng: random.between(Math.min(...lngs), Math.max(...lngs)),
    };
    if (contains({ type: 'Polygon', coordinates: [ring.map(([lng, lat]) => [lng, lat])] }, point))
      return point;
  }
}

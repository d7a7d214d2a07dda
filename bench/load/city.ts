import { performance } from 'node:perf_hooks';
import { v4 as newUuid } from 'uuid';
import { z } from 'zod';
import type { Step } from '../../domain/delivery/status';
import type { Point } from '../../domain/geo/places';
import type { Connections } from '../../simulator/client/connections';
import { connectDriver, type DriverEvent, type DriverSocket } from '../../simulator/client/driverSocket';
import { requireSuccess } from '../../simulator/client/service';
import type { Random } from '../../simulator/kit/random';
import { type BodyOf, LightClient, type Send } from './lightClient';

/** An offer that arrived at a driver's socket at `heardAt` (this process's performance clock, ms). */
export type ReceivedOffer = { driver: LoadDriver; offerId: string; deliveryId: string; heardAt: number };

/** How long to wait for an offer before it counts as a failure. */
const OFFER_WITHIN_MS = 60_000;
const CENTER: Point = { lat: 52.37, lng: 4.89 };
/** Every driver is within the first search radius of every order. */
const DRIVERS_WITHIN_DEGREES = 0.012;
const ORDERS_WITHIN_DEGREES = 0.008;
const POSTED = z.object({ deliveryId: z.string() });

/** A driver with the v2 app: a socket that receives events, and requests over keep-alive connections. */
export class LoadDriver {
  constructor(
    readonly driverId: string,
    private readonly send: Send,
    private readonly socket: DriverSocket,
    readonly place: Point,
  ) {}

  listen(hear: (news: DriverEvent) => void): void {
    this.socket.listen(hear);
  }

  close(): void {
    this.socket.close();
  }

  seen(offerId: string): void {
    this.socket.offerSeen(offerId);
  }

  async sendPlace(): Promise<void> {
    await this.send('POST', `/v2/drivers/${this.driverId}/location`, {
      fixes: [{ ...this.place, at: new Date().toISOString(), speedMps: null, headingDegrees: null }],
    } satisfies BodyOf<'/v2/drivers/{id}/location'>);
  }

  async startShift(): Promise<void> {
    await this.send('POST', `/v2/drivers/${this.driverId}/availability/shift/start`, {
      shiftEndsAt: null,
    } satisfies BodyOf<'/v2/drivers/{id}/availability/shift/start'>);
  }

  async goOffline(): Promise<void> {
    await this.send('POST', `/v2/drivers/${this.driverId}/availability`, {
      availability: 'OFFLINE',
    } satisfies BodyOf<'/v2/drivers/{id}/availability'>);
  }

  /** Gives up a delivery before pickup, and stays on duty. */
  async leave(deliveryId: string): Promise<void> {
    await this.send('POST', `/v2/deliveries/${deliveryId}/leave`, {
      reason: 'TOO_FAR',
    } satisfies BodyOf<'/v2/deliveries/{id}/leave'>);
  }

  async accept(offerId: string): Promise<void> {
    await this.send('POST', `/v2/offers/${offerId}/accept`, {});
  }

  async step(deliveryId: string, step: Step): Promise<void> {
    await this.send('POST', `/v2/deliveries/${deliveryId}/steps`, {
      step,
      deviceAt: new Date().toISOString(),
    } satisfies BodyOf<'/v2/deliveries/{id}/steps'>);
  }
}

export type CityOptions = { name: string; drivers: number; random: Random };

/** A city for a bench: one zone, one merchant, and connected drivers on duty. */
export class LoadCity {
  private readonly heard = new Map<string, ReceivedOffer>();
  private readonly waiting = new Map<string, (heard: ReceivedOffer) => void>();
  private orders = 0;

  private constructor(
    readonly cityId: string,
    readonly merchantId: string,
    readonly drivers: readonly LoadDriver[],
    readonly client: LightClient,
    private readonly shop: Send,
    private readonly random: Random,
  ) {}

  /**
   * Creates it through the API.
   * @throws UnexpectedRefusal, Refused
   */
  static async open(
    connections: Connections,
    { name, drivers: count, random }: CityOptions,
  ): Promise<LoadCity> {
    const cityId = `bench-${name}-${Date.now().toString(36)}`;
    const merchantId = `${cityId}-shop`;
    const ops = await connections.ops('bench');
    requireSuccess(
      'the city',
      await ops.putCity({ cityId, name, timezone: 'UTC', currency: 'EUR', center: CENTER }),
    );
    requireSuccess(
      'the zone',
      await ops.putZone({
        zoneId: `${cityId}-all`,
        cityId,
        name: 'All',
        ring: square(0.2),
        offerTtlSeconds: null,
      }),
    );
    requireSuccess('the shop', await ops.putMerchant({ merchantId, name: 'Shop of the bench' }));
    const client = new LightClient(connections.apiUrl);
    const drivers: LoadDriver[] = [];
    for (let number = 0; number < count; number += 1) {
      const driverId = newUuid();
      requireSuccess(
        'a driver',
        await ops.putDriver({ driverId, cityId, name: 'Driver', vehicle: 'CAR', offerVersion: 2 }),
      );
      const token = await connections.login({ role: 'driver', driverId });
      const socket = connectDriver(connections.apiUrl, token, (problem) =>
        process.stderr.write(`driver ${driverId}: ${problem}\n`),
      );
      drivers.push(
        new LoadDriver(driverId, client.as(token), socket, pointWithin(DRIVERS_WITHIN_DEGREES, random)),
      );
    }
    const shop = client.as(await connections.login({ role: 'merchant', merchantId }));
    const city = new LoadCity(cityId, merchantId, drivers, client, shop, random);
    for (const driver of drivers) await city.comeOnDuty(driver);
    return city;
  }

  /** Sends a position for every driver, so that they stay fresh for another minute. */
  async sendPlaces(): Promise<void> {
    await Promise.all(this.drivers.map((driver) => driver.sendPlace()));
  }

  /** @returns the merchant's order id, and the delivery that was created */
  async post(): Promise<{ deliveryId: string; sellerOrderId: string }> {
    this.orders += 1;
    const sellerOrderId = `order-${this.orders}`;
    const [pickup, dropoff] = [
      pointWithin(ORDERS_WITHIN_DEGREES, this.random),
      pointWithin(ORDERS_WITHIN_DEGREES, this.random),
    ];
    const order = {
      sellerOrderId,
      cityId: this.cityId,
      pickup: { address: 'Start', point: pickup },
      dropoff: { address: 'Finish', point: dropoff },
      readyAt: null,
      parcelSize: 'SMALL',
      feeCents: 500,
    };
    return { ...POSTED.parse(await this.shop('POST', '/v2/deliveries', order)), sellerOrderId };
  }

  /**
   * The next offer of this delivery that was not returned before.
   * @throws Error where none arrives within a minute
   */
  offerOf(deliveryId: string): Promise<ReceivedOffer> {
    const known = this.heard.get(deliveryId);
    if (known) {
      this.heard.delete(deliveryId);
      return Promise.resolve(known);
    }
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () =>
          reject(new Error(`no offer of delivery ${deliveryId} came within ${OFFER_WITHIN_MS / 1_000} s`)),
        OFFER_WITHIN_MS,
      );
      this.waiting.set(deliveryId, (heard) => {
        clearTimeout(late);
        this.waiting.delete(deliveryId);
        resolve(heard);
      });
    });
  }

  close(): void {
    for (const driver of this.drivers) driver.close();
    this.client.close();
  }

  private async comeOnDuty(driver: LoadDriver): Promise<void> {
    await driver.sendPlace();
    await driver.startShift();
    driver.listen((news) => {
      if (news.kind === 'offered')
        this.hear({
          driver,
          offerId: news.offer.offerId,
          deliveryId: news.offer.deliveryId,
          heardAt: performance.now(),
        });
    });
  }

  private hear(heard: ReceivedOffer): void {
    heard.driver.seen(heard.offerId);
    const tell = this.waiting.get(heard.deliveryId);
    if (tell) tell(heard);
    else this.heard.set(heard.deliveryId, heard);
  }
}

function pointWithin(degrees: number, random: Random): Point {
  return {
    lat: CENTER.lat + random.between(-degrees, degrees),
    lng: CENTER.lng + random.between(-degrees, degrees),
  };
}

function square(degrees: number): [number, number][] {
  const [south, west, north, east] = [
    CENTER.lat - degrees,
    CENTER.lng - degrees,
    CENTER.lat + degrees,
    CENTER.lng + degrees,
  ];
  return [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
    [west, south],
  ];
}

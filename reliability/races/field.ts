import { v4 as newUuid } from 'uuid';
import type { Point } from '../../domain/geo/places';
import type { Connections } from '../../simulator/client/connections';
import { connectDriver, type DriverEvent, type DriverSocket } from '../../simulator/client/driverSocket';
import {
  type DriverClient,
  type MerchantClient,
  type OfferView,
  type OpsClient,
  requireSuccess,
} from '../../simulator/client/service';
import { pause } from '../../simulator/kit/pause';

/** A driver in a race, with the offers they received. */
export class RaceDriver {
  private readonly offers = new Map<string, OfferView>();
  private waiting: { deliveryId: string; tell: (offer: OfferView) => void }[] = [];

  constructor(
    readonly driverId: string,
    readonly client: DriverClient,
    private readonly socket: DriverSocket,
    private readonly place: Point,
  ) {}

  listen(): void {
    this.socket.listen((news) => this.hear(news));
  }

  close(): void {
    this.socket.close();
  }

  async sendPlace(): Promise<void> {
    requireSuccess('a place', await this.client.sendPositions([{ point: this.place, at: Date.now() }]));
  }

  /** Back on duty, whatever the previous race left. */
  async comeOnDuty(): Promise<void> {
    requireSuccess('the shift', await this.client.startShift(null));
  }

  /** The offer of this delivery to this driver, now or when it arrives. */
  offerOf(deliveryId: string): Promise<OfferView> {
    const known = this.offers.get(deliveryId);
    return known ? Promise.resolve(known) : new Promise((tell) => this.waiting.push({ deliveryId, tell }));
  }

  /** Drops offers of a closed delivery. */
  forget(deliveryId: string): void {
    this.offers.delete(deliveryId);
    this.waiting = this.waiting.filter((each) => each.deliveryId !== deliveryId);
  }

  private hear(news: DriverEvent): void {
    const offers = news.kind === 'offered' ? [news.offer] : news.kind === 'state' ? news.offers : [];
    for (const offer of offers) {
      this.offers.set(offer.deliveryId, offer);
      for (const { tell } of this.waiting.filter(({ deliveryId }) => deliveryId === offer.deliveryId))
        tell(offer);
      this.waiting = this.waiting.filter(({ deliveryId }) => deliveryId !== offer.deliveryId);
    }
  }
}

/** A place with two drivers of its own, far from all other slots. The near driver gets the first offer. */
export type Slot = { index: number; cityId: string; pickup: Point; near: RaceDriver; far: RaceDriver };

/** The city of one kind of race. */
export type Field = {
  cityId: string;
  slots: readonly Slot[];
  merchant: MerchantClient;
  ops: OpsClient;
  merchantId: string;
  close(): void;
};

export type FieldOptions = { name: string; slots: number; offerTtlSeconds: number | null };

const DEGREES_APART = 0.6;
const SLOTS_PER_ROW = 10;
/** More than from the first slot to the last. */
const FIELD_METERS = 1_000_000;
const NEAR_METERS = 100;
const FAR_METERS = 1_500;
const METERS_PER_DEGREE = 111_195;
const PLACE_EVERY_MS = 15_000;

/**
 * Creates a field through the API.
 * @throws UnexpectedRefusal
 */
export async function openField(
  connections: Connections,
  { name, slots: count, offerTtlSeconds }: FieldOptions,
): Promise<Field> {
  const cityId = `races-${name}-${Date.now().toString(36)}`;
  const merchantId = `${cityId}-shop`;
  const ops = await connections.ops('races');
  requireSuccess(
    'the city',
    await ops.putCity({
      cityId,
      name,
      timezone: 'UTC',
      currency: 'EUR',
      center: pickupOf(0),
      serviceRadiusMeters: FIELD_METERS,
    }),
  );
  requireSuccess(
    'the zone',
    await ops.putZone({
      zoneId: `${cityId}-all`,
      cityId,
      name: 'All',
      ring: wholeField(count),
      offerTtlSeconds,
    }),
  );
  requireSuccess('the shop', await ops.putMerchant({ merchantId, name: 'Shop of the races' }));
  const slots = await Promise.all(
    Array.from({ length: count }, (_, index) => openSlot(connections, ops, cityId, index)),
  );
  const drivers = slots.flatMap(({ near, far }) => [near, far]);
  const over = new AbortController();
  void keepPlaces(drivers, over.signal);
  return {
    cityId,
    slots,
    merchantId,
    ops,
    merchant: await connections.merchant(merchantId),
    close: () => {
      over.abort();
      for (const driver of drivers) driver.close();
    },
  };
}

function pickupOf(index: number): Point {
  return {
    lat: 10 + Math.floor(index / SLOTS_PER_ROW) * DEGREES_APART,
    lng: 10 + (index % SLOTS_PER_ROW) * DEGREES_APART,
  };
}

function wholeField(count: number): [number, number][] {
  const [south, west, east] = [9.5, 9.5, 10 + SLOTS_PER_ROW * DEGREES_APART];
  const north = 10 + Math.ceil(count / SLOTS_PER_ROW) * DEGREES_APART;
  return [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
    [west, south],
  ];
}

async function openSlot(
  connections: Connections,
  ops: OpsClient,
  cityId: string,
  index: number,
): Promise<Slot> {
  const pickup = pickupOf(index);
  const [near, far] = await Promise.all(
    [NEAR_METERS, FAR_METERS].map((meters) =>
      openDriver(connections, ops, cityId, { lat: pickup.lat + meters / METERS_PER_DEGREE, lng: pickup.lng }),
    ),
  );
  if (!near || !far) throw new Error('a slot has two drivers');
  return { index, cityId, pickup, near, far };
}

async function openDriver(
  connections: Connections,
  ops: OpsClient,
  cityId: string,
  place: Point,
): Promise<RaceDriver> {
  const driverId = newUuid();
  requireSuccess(
    'a driver',
    await ops.putDriver({ driverId, cityId, name: 'Racer', vehicle: 'CAR', offerVersion: 2 }),
  );
  const socket = connectDriver(
    connections.apiUrl,
    await connections.login({ role: 'driver', driverId }),
    (problem) => process.stderr.write(`${problem}\n`),
  );
  const driver = new RaceDriver(driverId, await connections.driver(driverId), socket, place);
  await driver.sendPlace();
  await driver.comeOnDuty();
  driver.listen();
  return driver;
}

async function keepPlaces(drivers: readonly RaceDriver[], signal: AbortSignal): Promise<void> {
  while (await pause(PLACE_EVERY_MS, signal))
    await Promise.allSettled(drivers.map((driver) => driver.sendPlace()));
}

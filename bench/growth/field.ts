import { v4 as newUuid } from 'uuid';
import type { Point } from '../../domain/geo/places';
import type { Connections } from '../../simulator/client/connections';
import { connectDriver, type DriverEvent } from '../../simulator/client/driverSocket';
import {
  type DriverClient,
  type MerchantClient,
  type NewOrder,
  type OpsClient,
  requireSuccess,
} from '../../simulator/client/service';

/** A place with a free driver of its own, who receives each offer of this place. */
export type Slot = { pickup: Point; order(): NewOrder };

export type Field = {
  merchant: MerchantClient;
  slots: readonly Slot[];
  /** Resolves with the time (performance.now()) at which an offer of this delivery reached a socket. */
  offered(deliveryId: string): Promise<number>;
  /** Brings this many other drivers on duty around the slots, or takes the newest of them off duty. */
  haveOthers(count: number): Promise<void>;
  /**
   * Places orders that no driver can take, until there are this many: the given percentage is ready in hours,
   * the others are searched for now, far from every driver.
   */
  haveWaiting(count: number, pendingPercent: number): Promise<void>;
  /** How many orders were placed so far. */
  ordered(): number;
  close: () => void;
};

const SLOTS = 8;
const METERS_A_DEGREE = 111_195;
/** Beyond the radius of an escalated search (22.5 km), so that slots and waiting orders do not interact. */
const FAR_DEGREES = 1;
/** Includes the places that no search reaches. */
const SERVICE_RADIUS_METERS = 200_000;
/**
 * Other drivers stand within the first search radius (3 km), but at a longer travel time than the slot's own
 * driver.
 */
const OTHERS_FROM_METERS = 1_200;
const OTHERS_TO_METERS = 2_900;
const HOURS_AHEAD = 12;
const AT_ONCE = 16;

/**
 * Creates a city through the API, with a driver on duty in each slot.
 * @throws UnexpectedRefusal
 */
export async function openField(
  connections: Connections,
  onProblem: (problem: string) => void,
): Promise<Field> {
  const cityId = `growth-${Date.now().toString(36)}`;
  const merchantId = `${cityId}-shop`;
  const ops = await connections.ops('growth');
  requireSuccess(
    'the city',
    await ops.putCity({
      cityId,
      name: 'Growth',
      timezone: 'UTC',
      currency: 'EUR',
      center: placeOf(0),
      serviceRadiusMeters: SERVICE_RADIUS_METERS,
    }),
  );
  requireSuccess('the shop', await ops.putMerchant({ merchantId, name: 'Shop of growth' }));
  const merchant = await connections.merchant(merchantId);
  const listener = new OfferListener();
  const sockets = await Promise.all(
    Array.from({ length: SLOTS }, async (_, index) => {
      const { driverId } = await comeOnDuty(connections, ops, cityId, {
        ...placeOf(index),
        lat: placeOf(index).lat + 50 / METERS_A_DEGREE,
      });
      const socket = connectDriver(
        connections.apiUrl,
        await connections.login({ role: 'driver', driverId }),
        onProblem,
      );
      socket.listen((news) => listener.take(news));
      return socket;
    }),
  );
  const others: DriverClient[] = [];
  let [waiting, made] = [0, 0];
  const orderAt = (pickup: Point, readyAt: number | null): NewOrder => ({
    sellerOrderId: `order-${(made += 1)}`,
    cityId,
    pickup: { address: 'Start', point: pickup },
    dropoff: { address: 'Finish', point: { lat: pickup.lat - 0.01, lng: pickup.lng } },
    readyAt,
    parcelSize: 'SMALL',
    feeCents: 500,
  });
  return {
    merchant,
    slots: Array.from({ length: SLOTS }, (_, index) => ({
      pickup: placeOf(index),
      order: () => orderAt(placeOf(index), null),
    })),
    offered: (deliveryId) => listener.offered(deliveryId),
    haveOthers: async (count) => {
      const leaving = others.splice(count);
      await inTurns(
        leaving,
        async (driver) => void requireSuccess('going offline', await driver.goOffline()),
      );
      const coming = Array.from(
        { length: Math.max(0, count - others.length) },
        (_, index) => others.length + index,
      );
      await inTurns(
        coming,
        async (index) =>
          void others.push((await comeOnDuty(connections, ops, cityId, otherPlace(index))).driver),
      );
    },
    haveWaiting: async (count, pendingPercent) => {
      const missing = Array.from({ length: Math.max(0, count - waiting) }, (_, index) => waiting + index);
      await inTurns(missing, async (index) => {
        const isPending = (index * 37) % 100 < pendingPercent;
        requireSuccess(
          'an order',
          await merchant.post(
            orderAt(
              { lat: 50 + (index % 500) * 0.001, lng: 5 + FAR_DEGREES },
              isPending ? Date.now() + HOURS_AHEAD * 3_600_000 : null,
            ),
          ),
        );
      });
      waiting = Math.max(waiting, count);
    },
    ordered: () => made,
    close: () => sockets.forEach((socket) => socket.close()),
  };
}

const placeOf = (slot: number): Point => ({ lat: 50 + slot * 0.06, lng: 5 });

/** Spread evenly over a ring around a slot. */
function otherPlace(index: number): Point {
  const { lat, lng } = placeOf(index % SLOTS);
  const share = (index * 0.618_034) % 1;
  const [meters, angle] = [
    OTHERS_FROM_METERS + (OTHERS_TO_METERS - OTHERS_FROM_METERS) * share,
    index * 2.399_963,
  ];
  return {
    lat: lat + (meters * Math.cos(angle)) / METERS_A_DEGREE,
    lng: lng + (meters * Math.sin(angle)) / (METERS_A_DEGREE * Math.cos((lat * Math.PI) / 180)),
  };
}

async function comeOnDuty(
  connections: Connections,
  ops: OpsClient,
  cityId: string,
  point: Point,
): Promise<{ driverId: string; driver: DriverClient }> {
  const driverId = newUuid();
  requireSuccess(
    'a driver',
    await ops.putDriver({ driverId, cityId, name: 'Grower', vehicle: 'CAR', offerVersion: 2 }),
  );
  const driver = await connections.driver(driverId);
  requireSuccess('a place', await driver.sendPositions([{ point, at: Date.now() }]));
  requireSuccess('the shift', await driver.startShift(null));
  return { driverId, driver };
}

/** Runs the action for all items in order, some concurrently. */
async function inTurns<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) await act(next);
    }),
  );
}

/** Collects offers from all sockets; an offer may arrive before it is asked for. */
class OfferListener {
  private readonly heardAt = new Map<string, number>();
  private readonly waiting = new Map<string, (at: number) => void>();

  take(news: DriverEvent): void {
    if (news.kind !== 'offered') return;
    const { deliveryId } = news.offer;
    if (this.heardAt.has(deliveryId)) return;
    const at = performance.now();
    this.heardAt.set(deliveryId, at);
    this.waiting.get(deliveryId)?.(at);
  }

  offered(deliveryId: string): Promise<number> {
    const heard = this.heardAt.get(deliveryId);
    return heard === undefined
      ? new Promise((tell) => this.waiting.set(deliveryId, tell))
      : Promise.resolve(heard);
  }
}

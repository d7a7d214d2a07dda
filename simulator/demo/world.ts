import { v5 as uuidFrom } from 'uuid';
import { connectDriver } from '../client/driverSocket';
import { Latencies } from '../client/latencies';
import type { MerchantClient } from '../client/service';
import { requireSuccess } from '../client/service';
import type { Connections } from '../client/connections';
import { DEMO_CITY, DEMO_SHOPS, DEMO_ZONES, type DemoDriver, demoDriver } from './city';
import {
  DEMO_ODDS,
  type AfterAccept,
  type OfferArrivals,
  type Odds,
  type OfferAnswer,
  type Rhythm,
  SimulatedDriver,
} from '../people/driver';
import { Ledger, type OfferObservation } from '../people/ledger';
import { pointIn } from '../people/orders';
import { dealer, type Random } from '../kit/random';

/** The demo city after setup. */
export type DemoWorld = {
  driverIds: readonly string[];
  drivers: readonly SimulatedDriver[];
  merchants: ReadonlyMap<string, MerchantClient>;
  ledger: Ledger;
  latencies: Latencies;
  offerArrivals: OfferArrivals;
  offerObservations: OfferObservation[];
  /** Ends the shifts of all drivers. */
  endShifts(): Promise<void>;
};

export type DemoWorldOptions = {
  connections: Connections;
  drivers: number;
  speed: number;
  random: Random;
  log: (line: string) => void;
  /** The odds of the drivers' answers without a `fleetBehaviour`. */
  odds?: Odds;
  fleetBehaviour?: FleetBehaviour;
  skew?: ClockSkew;
  /** Every app is of v2, so that every driver is asked. Left out: one in six is of v1. */
  isAllV2?: boolean;
  /** Where latencies are collected. Left out: a collection of its own. */
  latencies?: Latencies;
};

/**
 * How the drivers differ from those of the ordinary demo. Their answers, and what happens after an accept,
 * are dealt from packs that all drivers share.
 */
export type FleetBehaviour = {
  odds: Pick<Odds, 'breakAfterJob' | 'failAtDoor'>;
  rhythm: Rhythm;
  answers: readonly OfferAnswer[];
  afterAccept: readonly AfterAccept[];
  awayMs: { min: number; max: number };
};

/** One device in this many has a wrong clock, ahead or behind by up to `mostMs`. */
export type ClockSkew = { every: number; mostMs: number };

export const THINK_MS = { min: 200, max: 1_500 };
/** A fixed namespace: a second start finds the same drivers. */
const DRIVER_IDS = '6f1dd4c5-0f5e-5c7f-9d3b-7a3c7c1c4b1a';

/**
 * Sets up the city through the API, as ops would. Existing data stays as it is.
 * @throws UnexpectedRefusal if the API refuses
 */
export async function buildDemoWorld({
  connections,
  drivers: count,
  speed,
  random,
  log,
  odds = DEMO_ODDS,
  fleetBehaviour,
  skew,
  isAllV2 = false,
  latencies = new Latencies(),
}: DemoWorldOptions): Promise<DemoWorld> {
  const appOf = (index: number): DemoDriver => {
    const driver = demoDriver(index);
    return { ...driver, isV1: driver.isV1 && !isAllV2 };
  };
  await setUpCity(
    connections,
    Array.from({ length: count }, (_, index) => appOf(index)),
  );
  const [ledger, offerArrivals, offerObservations] = [
    new Ledger(),
    new Map<string, number>(),
    [] as OfferObservation[],
  ];
  const behaviour = fleetBehaviour ? behaviourOf(fleetBehaviour, random) : {};
  const crew = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const driverId = demoDriverId(index);
      const { vehicle, isV1 } = appOf(index);
      const own = random.stream(`driver ${index}`);
      const client = await (isV1 ? connections.v1Driver(driverId) : connections.driver(driverId));
      const socket = connectDriver(
        connections.apiUrl,
        await connections.login({ role: 'driver', driverId }),
        (problem) => log(`driver ${driverId}: ${problem}`),
      );
      const driver = new SimulatedDriver(
        { driverId, client, socket, random: own, ledger, latencies, offerArrivals, log, offerObservations },
        {
          odds,
          vehicle,
          isV1,
          home: pointIn(own.pick(DEMO_ZONES), own),
          speed,
          thinkMs: THINK_MS,
          clockOffMs:
            skew && index % skew.every === 0
              ? Math.round(random.stream(`clock ${index}`).between(-skew.mostMs, skew.mostMs))
              : 0,
          ...behaviour,
        },
      );
      return { driverId, driver, goHome: () => client.endShift() };
    }),
  );
  const merchants = new Map(
    await Promise.all(
      DEMO_SHOPS.map(async ({ merchantId }) => [merchantId, await connections.merchant(merchantId)] as const),
    ),
  );
  return {
    driverIds: crew.map(({ driverId }) => driverId),
    drivers: crew.map(({ driver }) => driver),
    merchants,
    ledger,
    latencies,
    offerArrivals,
    offerObservations,
    endShifts: async () => void (await Promise.allSettled(crew.map(({ goHome }) => goHome()))),
  };
}

function behaviourOf({ odds, rhythm, answers, afterAccept, awayMs }: FleetBehaviour, random: Random) {
  return {
    odds: { ...DEMO_ODDS, ...odds },
    rhythm,
    answer: dealer(answers, random.stream('answers')),
    vanishing: { afterAccept: dealer(afterAccept, random.stream('afterAccept')), awayMs },
  };
}

export function demoDriverId(index: number): string {
  return uuidFrom(`${DEMO_CITY.cityId}/${index}`, DRIVER_IDS);
}

async function setUpCity(connections: Connections, drivers: readonly DemoDriver[]): Promise<void> {
  const ops = await connections.ops('demo-setup');
  requireSuccess('the city', await ops.putCity(DEMO_CITY));
  for (const zone of DEMO_ZONES)
    requireSuccess(
      zone.name,
      await ops.putZone({ ...zone, cityId: DEMO_CITY.cityId, offerTtlSeconds: null }),
    );
  for (const shop of DEMO_SHOPS) requireSuccess(shop.name, await ops.putMerchant(shop));
  for (const [index, { name, vehicle, isV1 }] of drivers.entries())
    requireSuccess(
      name,
      await ops.putDriver({
        driverId: demoDriverId(index),
        cityId: DEMO_CITY.cityId,
        name,
        vehicle,
        offerVersion: isV1 ? null : 3,
        capacity: isV1 || vehicle === 'BICYCLE' ? 1 : 2,
      }),
    );
}

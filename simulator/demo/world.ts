import { v5 as uuidFrom } from 'uuid';
import { connectDriver } from '../client/driverSocket';
import { Latencies } from '../client/latencies';
import type { MerchantClient } from '../client/service';
import { wanted } from '../client/service';
import type { Connections } from '../client/connections';
import { DEMO_CITY, DEMO_SHOPS, DEMO_ZONES, demoDriver } from './city';
import {
  DEMO_ODDS,
  type Fate,
  type HeardOffers,
  type Odds,
  type OfferAnswer,
  type OfferWords,
  type Rhythm,
  SimulatedDriver,
} from '../people/driver';
import { Ledger } from '../people/ledger';
import { pointIn } from '../people/orders';
import { dealer, type Random } from '../kit/random';

/** The demo city, set up and ready to play. */
export type DemoWorld = {
  driverIds: readonly string[];
  drivers: readonly SimulatedDriver[];
  merchants: ReadonlyMap<string, MerchantClient>;
  ledger: Ledger;
  latencies: Latencies;
  heard: HeardOffers;
  offerWords: OfferWords;
  /** Sends everybody home. */
  endShifts(): Promise<void>;
};

export type DemoWorldOptions = {
  connections: Connections;
  drivers: number;
  speed: number;
  random: Random;
  log: (line: string) => void;
  /** What drivers answer, where no `temper` says otherwise. */
  odds?: Odds;
  temper?: Temper;
  skew?: Skew;
};

/**
 * How the drivers differ from those of the ordinary demo. What they answer, and what becomes of those who
 * accept, is dealt to all of them from packs.
 */
export type Temper = {
  odds: Pick<Odds, 'breakAfterJob' | 'failAtDoor'>;
  rhythm: Rhythm;
  answers: readonly OfferAnswer[];
  fates: readonly Fate[];
  awayMs: { min: number; max: number };
};

/** Every so manyth driver has a device whose clock is up to so far off, ahead or behind. */
export type Skew = { every: number; mostMs: number };

export const THINK_MS = { min: 200, max: 1_500 };
/** So that a second start finds the same drivers. */
const DRIVER_IDS = '6f1dd4c5-0f5e-5c7f-9d3b-7a3c7c1c4b1a';

/**
 * Sets the city up by the API, as ops would; what is there already stays as it is.
 * @throws Unexpected where the API refuses
 */
export async function buildDemoWorld({
  connections,
  drivers: count,
  speed,
  random,
  log,
  odds = DEMO_ODDS,
  temper,
  skew,
}: DemoWorldOptions): Promise<DemoWorld> {
  await setUpCity(connections, count);
  const [ledger, latencies, heard, offerWords] = [
    new Ledger(),
    new Latencies(),
    new Map<string, number>(),
    [] as OfferWords,
  ];
  const manner = temper ? mannerOf(temper, random) : {};
  const crew = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const driverId = demoDriverId(index);
      const { vehicle, isV1 } = demoDriver(index);
      const own = random.stream(`driver ${index}`);
      const client = await (isV1 ? connections.v1Driver(driverId) : connections.driver(driverId));
      const socket = connectDriver(
        connections.apiUrl,
        await connections.login({ role: 'driver', driverId }),
        (problem) => log(`driver ${driverId}: ${problem}`),
      );
      const driver = new SimulatedDriver(
        { driverId, client, socket, random: own, ledger, latencies, heard, log, offerWords },
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
          ...manner,
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
    heard,
    offerWords,
    endShifts: async () => void (await Promise.allSettled(crew.map(({ goHome }) => goHome()))),
  };
}

function mannerOf({ odds, rhythm, answers, fates, awayMs }: Temper, random: Random) {
  return {
    odds: { ...DEMO_ODDS, ...odds },
    rhythm,
    answer: dealer(answers, random.stream('answers')),
    vanishing: { fate: dealer(fates, random.stream('fates')), awayMs },
  };
}

export function demoDriverId(index: number): string {
  return uuidFrom(`${DEMO_CITY.cityId}/${index}`, DRIVER_IDS);
}

async function setUpCity(connections: Connections, drivers: number): Promise<void> {
  const ops = await connections.ops('demo-setup');
  wanted('the city', await ops.putCity(DEMO_CITY));
  for (const zone of DEMO_ZONES)
    wanted(zone.name, await ops.putZone({ ...zone, cityId: DEMO_CITY.cityId, offerTtlSeconds: null }));
  for (const shop of DEMO_SHOPS) wanted(shop.name, await ops.putMerchant(shop));
  for (let index = 0; index < drivers; index++) {
    const { name, vehicle, isV1 } = demoDriver(index);
    wanted(
      name,
      await ops.putDriver({
        driverId: demoDriverId(index),
        cityId: DEMO_CITY.cityId,
        name,
        vehicle,
        offerVersion: isV1 ? null : 2,
      }),
    );
  }
}

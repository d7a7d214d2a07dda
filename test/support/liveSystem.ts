/**
 * The service as it is deployed: worker and API as processes of their own, from dist/, on a real Temporal,
 * PostgreSQL and Redis of the test file's own.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Redis } from 'ioredis';
import { connectEvents } from '@driver-service/api-client';
import { createTrackingTokens } from '../../api/auth/trackingTokens';
import { v7 as newId } from 'uuid';
import { connect, type Connections } from '../../simulator/client/connections';
import type { Holder } from '../../simulator/client/tokens';
import { type OpsClient, requireSuccess } from '../../simulator/client/service';
import { freePort } from '../../simulator/kit/freePort';
import { type ServiceProcess, startApi, startWorker } from '../../simulator/kit/processes';
import type { Point } from '../../domain/geo/places';
import type { Audience } from '../../domain/notices/realtimeEvents';
import { freshDatabase, type FreshDatabase, requiredVariable } from './database';
import { type DevServerOptions, startDevServer } from './devServer';
import type { Heard } from './eventContract';
import { LiveDriver } from './liveDriver';

/** The parts on which the service stands. `env` is the whole environment of its processes. */
export type LiveParts = FreshDatabase & {
  env: NodeJS.ProcessEnv;
  apiUrl: string;
  temporal: TestWorkflowEnvironment;
  redis: Redis;
};

const RETRY_FOR_MS = 30_000;
export const LOCAL_KEY = 'a key for these tests only, of over 32 bytes';
const TRACKING_KEY = 'a key for tracking in these tests only';
const BUILT = join(__dirname, '../../dist/worker/main.js');

/** @param server what Temporal is started with */
export async function openParts(server: DevServerOptions = {}): Promise<LiveParts> {
  if (!existsSync(BUILT)) throw new Error('these tests run what is compiled: npm run build');
  const [database, temporal, redis, port] = await Promise.all([
    freshDatabase(),
    startDevServer(server),
    ownRedis(),
    freePort(),
  ]);
  const apiUrl = `http://127.0.0.1:${port}`;
  const env: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: 'default',
    API_URL: apiUrl,
    API_PORT: String(port),
    JWT_LOCAL_KEY: LOCAL_KEY,
    TRACKING_KEY,
    LOG_LEVEL: 'error',
    SHUTDOWN_DRAIN_SECONDS: '0',
    ENABLE_DRIVER_OFFERS: 'true',
    DRIVER_OFFERS_ROLLOUT: '100',
    ENABLE_AVAILABILITY_STATES: 'true',
    ENABLE_ESCALATION: 'true',
    ENABLE_AUTO_REASSIGNMENT: 'true',
    RATE_LIMIT_PER_MINUTE: '1000000',
    RATE_LIMIT_MERCHANT_PER_MINUTE: '1000000',
    RATE_LIMIT_OPS_PER_MINUTE: '1000000',
    RATE_LIMIT_LOCATION_PER_MINUTE: '1000000',
    POSITION_FASTEST_METERS_PER_MINUTE: '10000000',
    RATE_LIMIT_AVAILABILITY_PER_MINUTE: '1000000',
  };
  return {
    ...database,
    env,
    apiUrl,
    temporal,
    redis: redis.client,
    close: async () => {
      await temporal.teardown();
      await redis.close();
      await database.close();
    },
  };
}

const DATABASES = Array.from({ length: 15 }, (_, index) => index + 1);
const RESERVED_SECONDS = 600;

/**
 * One of Redis' databases, that no other test has: the service's keys have no prefix, and these tests flush
 * them.
 */
async function ownRedis(): Promise<{ url: string; client: Redis; close(): Promise<void> }> {
  const server = new Redis(requiredVariable('TEST_REDIS_URL'));
  for (const number of DATABASES) {
    const reservation = `reserved-database-${number}`;
    if ((await server.set(reservation, 'taken', 'EX', RESERVED_SECONDS, 'NX')) === null) continue;
    const url = new URL(requiredVariable('TEST_REDIS_URL'));
    url.pathname = `/${number}`;
    const client = new Redis(url.href);
    await client.flushdb();
    return {
      url: url.href,
      client,
      close: async () => {
        await client.flushdb();
        await server.del(reservation);
        await Promise.all([client.quit(), server.quit()]);
      },
    };
  }
  await server.quit();
  throw new Error('all databases of the tests’ Redis are taken');
}

export type NewLiveDriver = { at?: Point; offerVersion?: number | null; name?: string };

/** A city of one test's own, with a shop. */
export type LiveCity = {
  cityId: string;
  merchantId: string;
  ops: OpsClient;
  /** Drivers on duty, connected, with a known place. */
  addDriver(driver?: NewLiveDriver): Promise<LiveDriver>;
  /** Posts an order as the shop would. */
  order(order?: {
    sellerOrderId?: string;
    contactName?: string;
    address?: string;
  }): Promise<{ deliveryId: string; sellerOrderId: string }>;
  close(): void;
};

export const CENTER: Point = { lat: 52.37, lng: 4.89 };
/** So many metres north of the pickup. */
export const northOf = (meters: number): Point => ({ lat: CENTER.lat + meters / 111_195, lng: CENTER.lng });

export class LiveSystem {
  /** Everything that came over a socket, by who heard it. */
  readonly heard: Record<Audience, Heard[]> = { driver: [], ops: [], merchant: [], tracking: [] };

  private constructor(
    readonly parts: LiveParts,
    readonly connections: Connections,
    private readonly running: { worker: ServiceProcess; api: ServiceProcess },
  ) {}

  /** @param settings environment beyond what openParts sets, or made from it */
  static async start(
    settings: NodeJS.ProcessEnv | ((env: NodeJS.ProcessEnv) => NodeJS.ProcessEnv) = {},
  ): Promise<LiveSystem> {
    const parts = await openParts();
    Object.assign(parts.env, typeof settings === 'function' ? settings(parts.env) : settings);
    const [worker, api] = await Promise.all([startWorker(parts.env), startApi(parts.env)]);
    const tokens = { localKey: LOCAL_KEY, issuer: 'driver-service', audience: 'driver-service' };
    const system = new LiveSystem(
      parts,
      connect({ apiUrl: parts.apiUrl, tokens }, { retryForMs: RETRY_FOR_MS }),
      { worker, api },
    );
    try {
      await Promise.all([worker.ready(), api.ready()]);
    } catch (error) {
      await system.close(); // what did start must not outlive the test
      throw error;
    }
    return system;
  }

  /** kill -9. */
  kill(name: 'worker' | 'api'): Promise<void> {
    return this.running[name].kill();
  }

  /** As in production: what was begun is finished. The parts below go on. */
  async stop(): Promise<void> {
    await Promise.all([this.running.worker.stop(), this.running.api.stop()]);
  }

  /** Resolves when it is ready again. */
  async startAgain(name: 'worker' | 'api'): Promise<void> {
    const again = await (name === 'worker' ? startWorker : startApi)(this.parts.env);
    this.running[name] = again;
    await again.ready();
  }

  /** @param offerTtlSeconds how long its offers wait */
  async openCity({ offerTtlSeconds = null }: { offerTtlSeconds?: number | null } = {}): Promise<LiveCity> {
    const cityId = newId();
    const merchantId = `shop-${cityId}`;
    const ops = await this.connections.ops('olga');
    requireSuccess(
      'a city',
      await ops.putCity({ cityId, name: 'Testville', timezone: 'UTC', currency: 'EUR', center: CENTER }),
    );
    const [south, north, west, east] = [
      CENTER.lat - 0.3,
      CENTER.lat + 0.3,
      CENTER.lng - 0.3,
      CENTER.lng + 0.3,
    ];
    const ring = [
      [west, south],
      [east, south],
      [east, north],
      [west, north],
      [west, south],
    ] as const;
    requireSuccess(
      'a zone',
      await ops.putZone({ zoneId: `zone-${cityId}`, cityId, name: 'All', ring, offerTtlSeconds }),
    );
    requireSuccess('a shop', await ops.putMerchant({ merchantId, name: 'The Secret Bakery' }));
    const merchant = await this.connections.merchant(merchantId);
    const watchers = [
      await this.watch('ops', { role: 'ops', name: `watch-${cityId}`, cities: [cityId] }),
      await this.watch('merchant', { role: 'merchant', merchantId }),
    ];
    const drivers: LiveDriver[] = [];
    return {
      cityId,
      merchantId,
      ops,
      addDriver: async ({ at = CENTER, offerVersion = 2, name = 'Samantha Secret' } = {}) => {
        const driver = await LiveDriver.start(
          this.connections,
          ops,
          { cityId, at, offerVersion, name },
          (event, body) => void this.heard.driver.push({ event, body }),
        );
        drivers.push(driver);
        return driver;
      },
      order: async ({
        sellerOrderId = newId(),
        contactName = 'Kim Secret',
        address = 'Secret Lane 1',
      } = {}) => {
        const dropoff = { address, point: northOf(-1_500), contactName };
        const posted = await merchant.post({
          sellerOrderId,
          cityId,
          pickup: { address: 'Secret Square 2', point: CENTER },
          dropoff,
          readyAt: null,
          parcelSize: 'SMALL',
          feeCents: 500,
        });
        return { sellerOrderId, deliveryId: requireSuccess('an order', posted).deliveryId };
      },
      close: () => {
        drivers.forEach((driver) => driver.close());
        watchers.forEach((socket) => void socket.disconnect());
      },
    };
  }

  /** Records what the customer of a delivery hears. */
  async follow(deliveryId: string): Promise<{ disconnect(): unknown }> {
    const tokens = createTrackingTokens({ key: TRACKING_KEY, previousKey: null, validMs: 0 });
    return this.listen('tracking', await tokens.issue(deliveryId, Date.now() + 3_600_000));
  }

  /** Records what one of each role hears whose token ends in some seconds. */
  async followBriefly(driverId: string, deliveryId: string): Promise<{ disconnect(): unknown }[]> {
    const endsAt = Date.now() + 8_000;
    const signed = (claims: Record<string, unknown>, subject: string): Promise<string> =>
      signedUntil(endsAt, claims, subject);
    const tokens = createTrackingTokens({ key: TRACKING_KEY, previousKey: null, validMs: 0 });
    return Promise.all([
      this.listen('driver', await signed({ role: 'driver' }, driverId)),
      this.listen('ops', await signed({ role: 'ops', cities: [] }, 'brief')),
      this.listen('merchant', await signed({ role: 'merchant', merchantId: 'brief' }, 'brief')),
      this.listen('tracking', await tokens.issue(deliveryId, endsAt)),
    ]);
  }

  /** Records what this one hears. */
  private async watch(audience: 'ops' | 'merchant', holder: Holder): Promise<{ disconnect(): unknown }> {
    return this.listen(audience, await this.connections.login(holder));
  }

  private async listen(audience: Audience, token: string): Promise<{ disconnect(): unknown }> {
    const socket = connectEvents({ baseUrl: this.parts.apiUrl, token });
    socket.onAny((event: string, body: unknown) => void this.heard[audience].push({ event, body }));
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    return socket;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.parts.close();
  }
}

async function signedUntil(
  endsAt: number,
  claims: Record<string, unknown>,
  subject: string,
): Promise<string> {
  const { SignJWT } = await import('jose');
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('driver-service')
    .setAudience('driver-service')
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime(Math.ceil(endsAt / 1_000))
    .sign(new TextEncoder().encode(LOCAL_KEY));
}

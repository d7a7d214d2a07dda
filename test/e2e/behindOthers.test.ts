/** The processes behind what a deployment puts before and behind them: a load balancer, and a pooler. */
import { Agent, get } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually';
import { brokenInvariants } from '../support/invariants';
import { LiveSystem } from '../support/liveSystem';
import { HAS_PGBOUNCER, type PgBouncer, startPgBouncer } from '../support/pgbouncer';

const TO_THE_DOOR = ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'] as const;

/** The set-up of the tests says why there is no pooler where these are skipped. */
const withPgBouncer = HAS_PGBOUNCER ? describe : describe.skip;

withPgBouncer('behind PgBouncer in transaction mode', () => {
  let pooler: PgBouncer;
  let system: LiveSystem;
  beforeAll(async () => {
    pooler = await startPgBouncer({ mode: 'transaction', poolSize: 10 });
    system = await LiveSystem.start(({ DATABASE_URL = '' }) => ({
      DATABASE_URL: pooler.through(DATABASE_URL),
      DATABASE_PREPARED_STATEMENTS: 'false',
    }));
  }, 120_000);
  afterAll(async () => {
    await system.close();
    await pooler.close();
  }, 60_000);

  test('an order is offered, accepted and delivered, and the sweeps of its time hold', async () => {
    const city = await system.openCity();
    const driver = await city.addDriver();
    const { deliveryId } = await city.order();
    const offerId = await driver.asked(deliveryId);
    expect(await driver.accept(offerId)).toMatchObject({ ok: true });
    await driver.go(deliveryId, ...TO_THE_DOOR);
    await eventually('it is delivered', async () => {
      const { status } = await system.parts.db.delivery.findUniqueOrThrow({ where: { id: deliveryId } });
      return status === 'DELIVERED';
    });
    city.close();
    expect(await brokenInvariants(system.parts.db)).toEqual([]);
  }, 60_000);
});

describe('behind a load balancer', () => {
  const DRAIN_SECONDS = 3;
  const PROBE_MS = 250;

  test('a stopped API answers all that is sent until the balancer has noticed', async () => {
    const system = await LiveSystem.start({ SHUTDOWN_DRAIN_SECONDS: String(DRAIN_SECONDS) });
    try {
      const agent = new Agent({ keepAlive: true });
      const ask = (path: string): Promise<number | undefined> =>
        new Promise((resolve, reject) => {
          get(`${system.parts.apiUrl}${path}`, { agent }, (response) => {
            response.resume().on('end', () => resolve(response.statusCode));
          }).on('error', reject);
        });
      const balancer = { isSending: true, sent: 0, wrong: [] as unknown[] };
      const sending = (async () => {
        while (balancer.isSending) {
          balancer.sent += 1;
          const status = await ask('/health').catch((error: unknown) => error);
          if (status !== 200) balancer.wrong.push(status);
        }
      })();
      expect(await ask('/health/ready')).toBe(200);
      const stopped = system.stop();
      await eventually('readiness tells', async () => (await ask('/health/ready')) === 503, {
        everyMs: PROBE_MS,
      });
      const sentBefore = balancer.sent;
      await eventually('more requests go there', async () => balancer.sent > sentBefore + 100);
      balancer.isSending = false;
      await sending;
      await stopped;
      expect(balancer.wrong).toEqual([]);
      agent.destroy();
    } finally {
      await system.close();
    }
  }, 120_000);
});

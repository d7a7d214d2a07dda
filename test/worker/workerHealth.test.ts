import { afterEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { freePort } from '../../simulator/kit/freePort';
import { createReadiness } from '../../services/readiness';
import { startHealthServer } from '../../worker/health';

let running: { close(): Promise<void> } | undefined;
afterEach(() => running?.close());

test('a worker reports its readiness and its effective features', async () => {
  const port = await freePort();
  const world = { isRedisAway: false, isStopping: false, state: 'ON' as 'ON' | 'OFF' };
  running = await startHealthServer({
    host: '127.0.0.1',
    port,
    log: pino({ level: 'silent' }),
    isStopping: () => world.isStopping,
    readiness: createReadiness({
      needed: {
        redis: async () => {
          if (world.isRedisAway) throw new Error('away');
        },
      },
      onDown: () => undefined,
      keptMs: 0,
    }),
    features: () => [
      { feature: 'driver_offers', state: world.state, rolloutPercent: 25, cities: ['berlin'] },
    ],
  });
  const ask = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/health/ready`);
    return { status: answer.status, body: await answer.json() };
  };
  expect(await ask()).toEqual({
    status: 200,
    body: {
      status: 'ok',
      dependencies: { redis: 'ok' },
      features: { driver_offers: { state: 'ON', rolloutPercent: 25, cities: ['berlin'] } },
      refusingChannels: [],
    },
  });
  Object.assign(world, { isRedisAway: true, state: 'OFF' });
  expect(await ask()).toMatchObject({
    status: 503,
    body: {
      status: 'not ready',
      dependencies: { redis: 'away' },
      features: { driver_offers: { state: 'OFF' } },
    },
  });
  Object.assign(world, { isRedisAway: false, isStopping: true });
  expect(await ask()).toMatchObject({ status: 503, body: { status: 'stopping' } });
});

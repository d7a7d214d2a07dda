import { existsSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { Crowd } from '../../reliability/chaos/crowd';

const looked = async (pids: readonly number[]): Promise<Crowd> => {
  const [crowd, stop] = [new Crowd(() => pids), new AbortController()];
  const looking = crowd.keepLooking(stop.signal);
  const until = Date.now() + 2_300;
  // busy, so that there is something to see
  while (Date.now() < until) await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  await looking;
  return crowd;
};

test('who runs has run, and may have waited for it', async () => {
  const crowd = await looked([process.pid]);
  expect(crowd.mean).toBeGreaterThan(existsSync('/proc/self/schedstat') ? 1 : 0.99);
  expect(crowd.worst).toBeGreaterThanOrEqual(crowd.slowness);
});

test('of those who are gone, or of nobody, nothing is said: they are as fast as can be', async () => {
  expect(await looked([])).toMatchObject({ slowness: 1, mean: 1, worst: 1 });
  expect(await looked([2 ** 30])).toMatchObject({ slowness: 1, mean: 1, worst: 1 });
}, 10_000);

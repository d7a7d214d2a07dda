import { existsSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { CpuContention } from '../../reliability/chaos/cpuContention';

const looked = async (pids: readonly number[]): Promise<CpuContention> => {
  const [cpuContention, stop] = [new CpuContention(() => pids), new AbortController()];
  const looking = cpuContention.keepSampling(stop.signal);
  const until = Date.now() + 2_300;
  // busy, so that there is something to see
  while (Date.now() < until) await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  await looking;
  return cpuContention;
};

test('a running process has CPU time, and may have waited for it', async () => {
  const cpuContention = await looked([process.pid]);
  expect(cpuContention.mean).toBeGreaterThan(existsSync('/proc/self/schedstat') ? 1 : 0.99);
  expect(cpuContention.worst).toBeGreaterThanOrEqual(cpuContention.slowness);
});

test('exited processes, or none, count as no contention', async () => {
  expect(await looked([])).toMatchObject({ slowness: 1, mean: 1, worst: 1 });
  expect(await looked([2 ** 30])).toMatchObject({ slowness: 1, mean: 1, worst: 1 });
}, 10_000);

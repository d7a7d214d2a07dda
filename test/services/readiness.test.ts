import { expect, test } from '@jest/globals';
import { createReadiness } from '../../services/readiness';

const quiet = (): void => undefined;

/** A dependency that answers when it is told to, and counts how often it was asked. */
function gated() {
  const asked: (() => void)[] = [];
  return {
    check: () => new Promise<void>((resolve) => asked.push(resolve)),
    asked,
    answer: () => asked.forEach((resolve) => resolve()),
  };
}

test('a thousand probes at once ask a dependency once, and get one answer', async () => {
  const { check, asked, answer } = gated();
  const report = createReadiness({ needed: { postgres: check }, onDown: quiet });
  const probes = Array.from({ length: 1_000 }, () => report());
  await Promise.resolve();
  expect(asked).toHaveLength(1);
  answer();
  expect(new Set(await Promise.all(probes)).size).toBe(1);
});

test('a report is given out for its time, and a new one is read after it', async () => {
  let reads = 0;
  const needed = { postgres: async () => void (reads += 1) };
  const kept = createReadiness({ needed, onDown: quiet, keptMs: 60_000 });
  for (let probe = 0; probe < 100; probe++) await kept();
  expect(reads).toBe(1);
  const unkept = createReadiness({ needed, onDown: quiet, keptMs: 0 });
  await unkept();
  await unkept();
  expect(reads).toBe(3);
});

test('an outage of what is needed is not ready, of what is useful degraded, with the reason', async () => {
  const away = async (): Promise<never> => Promise.reject(new Error('read-only'));
  const up = async (): Promise<void> => undefined;
  const down: string[] = [];
  const onDown = (name: string): void => void down.push(name);
  expect(await createReadiness({ needed: { postgres: up }, useful: { redis: up }, onDown })()).toMatchObject({
    status: 'ready',
  });
  expect(
    await createReadiness({ needed: { postgres: up }, useful: { redis: away }, onDown })(),
  ).toMatchObject({
    status: 'degraded',
    dependencies: { postgres: { state: 'up', why: null }, redis: { state: 'down', why: 'read-only' } },
  });
  expect(
    await createReadiness({ needed: { postgres: away }, useful: { redis: up }, onDown })(),
  ).toMatchObject({
    status: 'not ready',
    dependencies: { postgres: { state: 'down', why: 'read-only' }, redis: { state: 'up' } },
  });
  expect(down).toEqual(['redis', 'postgres']);
});

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Latencies } from '../../simulator/client/latencies';
import type { MerchantClient, NewOrder } from '../../simulator/client/service';
import { DEMO_SHOPS } from '../../simulator/demo/city';
import { randomFrom } from '../../simulator/kit/random';
import { Ledger } from '../../simulator/people/ledger';
import { OrderFlow, type OrderPlan } from '../../simulator/people/orders';

const MINUTE_MS = 60_000;

function flowOf(everyMs: OrderPlan['everyMs'], isAway: () => boolean = () => false) {
  const taken: NewOrder[] = [];
  const client: MerchantClient = {
    post: async (order) => {
      if (isAway()) throw new Error('the service is away');
      taken.push(order);
      return { ok: true, deliveryId: `d${taken.length}` };
    },
    delivery: async () => Promise.reject(new Error('nobody asks for this here')),
    cancel: async () => Promise.reject(new Error('nobody cancels here')),
  };
  const flow = new OrderFlow(
    {
      clients: new Map(DEMO_SHOPS.map(({ merchantId }) => [merchantId, client])),
      random: randomFrom('orders'),
      ledger: new Ledger(),
      latencies: new Latencies(),
      log: () => undefined,
    },
    { everyMs, count: null, cancelOdds: 0, speed: 20, run: 'r' },
  );
  return { flow, taken };
}

describe('the flow of orders', () => {
  let stop: AbortController;
  beforeEach(() => {
    jest.useFakeTimers();
    stop = new AbortController();
  });
  afterEach(() => {
    stop.abort();
    jest.useRealTimers();
  });

  test('follows a changing mean pause, even during a pause', async () => {
    let everyMs = 1_000;
    const { flow, taken } = flowOf(() => everyMs);
    void flow.run(stop.signal);
    const takenIn = async (ms: number): Promise<number> => {
      const before = taken.length;
      await jest.advanceTimersByTimeAsync(ms);
      return taken.length - before;
    };
    expect(await takenIn(10 * MINUTE_MS)).toBeGreaterThan(500);
    everyMs = Infinity;
    await takenIn(5_000);
    expect(await takenIn(60 * MINUTE_MS)).toBe(0);
    everyMs = 10_000;
    const slow = await takenIn(10 * MINUTE_MS);
    expect(slow).toBeGreaterThan(40);
    expect(slow).toBeLessThan(100);
  });

  test('a constant function gives the same pauses as a fixed number', async () => {
    const [fixed, asked] = [flowOf(4_000), flowOf(() => 4_000)];
    void fixed.flow.run(stop.signal);
    void asked.flow.run(stop.signal);
    await jest.advanceTimersByTimeAsync(5 * MINUTE_MS);
    expect(asked.taken.map(({ sellerOrderId }) => sellerOrderId)).toEqual(
      fixed.taken.map(({ sellerOrderId }) => sellerOrderId),
    );
  });

  test('continues with the next order after a failed one', async () => {
    let isAway = false;
    const { flow, taken } = flowOf(1_000, () => isAway);
    const first = flow.run(stop.signal);
    const failed = expect(first).rejects.toThrow('the service is away');
    await jest.advanceTimersByTimeAsync(MINUTE_MS);
    isAway = true;
    await jest.advanceTimersByTimeAsync(MINUTE_MS);
    await failed;
    isAway = false;
    void flow.run(stop.signal);
    await jest.advanceTimersByTimeAsync(MINUTE_MS);
    const ids = taken.map(({ sellerOrderId }) => sellerOrderId);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

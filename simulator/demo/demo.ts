import type { DemoWorld } from './world';
import { figuresOf, type Figures } from '../kit/figures';
import type { Inspection } from '../kit/inspection';
import { OrderFlow, type OrderPlan } from '../people/orders';
import { pause, poll } from '../kit/pause';
import type { Random } from '../kit/random';

export type DemoDeps = { world: DemoWorld; random: Random; log: (line: string) => void };

/** Runs the demo city: its drivers until the signal, its orders by the plan. */
export class Demo {
  readonly orders: OrderFlow;

  constructor(
    private readonly deps: DemoDeps,
    plan: OrderPlan,
  ) {
    const {
      world: { merchants, ledger, latencies },
      random,
      log,
    } = deps;
    this.orders = new OrderFlow(
      { clients: merchants, random: random.stream('orders'), ledger, latencies, log },
      plan,
    );
  }

  /** Resolves when the drivers have stopped. */
  startDrivers(signal: AbortSignal): Promise<unknown> {
    return Promise.all(
      this.deps.world.drivers.map((driver) =>
        driver.work(signal).catch((error: unknown) => this.deps.log(`a driver stopped: ${String(error)}`)),
      ),
    );
  }

  /** Logs the progress every `everyMs`, until the signal. */
  async logProgress(everyMs: number, signal: AbortSignal): Promise<void> {
    while (await pause(everyMs, signal)) this.deps.log(this.progress());
  }

  /** Drops the records that only a judged run needs. Memory stays bounded. */
  async keepDroppingHistory(everyMs: number, signal: AbortSignal): Promise<void> {
    const { ledger, offerArrivals, offerObservations, drivers } = this.deps.world;
    while (await pause(everyMs, signal)) {
      ledger.forget();
      offerArrivals.clear();
      offerObservations.length = 0;
      this.orders.forget();
      for (const driver of drivers) driver.forget();
    }
  }

  progress(): string {
    const { drivers, latencies } = this.deps.world;
    const sum = (count: keyof (typeof drivers)[number]['counts']): number =>
      drivers.reduce((total, driver) => total + driver.counts[count], 0);
    const carrying = drivers.filter(({ isCarrying }) => isCarrying).length;
    const accept = latencies.percentile('accept', 99);
    const took = accept === null ? '' : `; accept p99 ${accept} ms`;
    return [
      `${this.orders.placedCount} orders, ${sum('delivered')} delivered`,
      `offers: ${sum('offers')} made, ${sum('accepted')} accepted, ` +
        `${sum('rejected')} rejected, ${sum('ignored')} ignored`,
      `${carrying} of ${drivers.length} drivers carry${took}`,
    ].join('; ');
  }
}

/**
 * Waits until all placed orders have ended.
 * @returns false if `deadlineAt` (epoch ms) or the signal came first
 */
export async function untilAllEnded(
  inspection: Inspection,
  deliveryIds: readonly string[],
  deadlineAt: number,
  signal: AbortSignal,
): Promise<boolean> {
  const ended = async (): Promise<true | undefined> =>
    (await inspection.openCount(deliveryIds)) === 0 ? true : undefined;
  return (await poll(ended, { everyMs: 500, deadlineAt, signal })) === true;
}

/**
 * The service promises that the map, workflows and drivers match the record within a second in normal
 * operation, and within a minute after a crash.
 */
const SETTLED_WITHIN_MS = 60_000;

/** The result of the run, taken as soon as all of them match, or after a minute without a match. */
export async function settledFigures({
  world,
  inspection,
  orders,
}: {
  world: DemoWorld;
  inspection: Inspection;
  orders: OrderFlow;
}): Promise<{ figures: Figures; problems: string[] }> {
  const deliveryIds = orders.placed.map(({ deliveryId }) => deliveryId);
  const look = async (): Promise<{ figures: Figures; problems: string[] }> => {
    const seen = await inspection.collectEvidence({ deliveryIds, driverIds: world.driverIds });
    return figuresOf({
      ...seen,
      acknowledged: world.ledger.all(),
      sentAt: new Map(orders.placed.map(({ deliveryId, sentAt }) => [deliveryId, sentAt])),
      offerArrivals: world.offerArrivals,
    });
  };
  const inAgreement = async (): Promise<{ figures: Figures; problems: string[] } | undefined> => {
    const result = await look();
    return result.problems.length === 0 ? result : undefined;
  };
  return (await poll(inAgreement, { everyMs: 250, deadlineAt: Date.now() + SETTLED_WITHIN_MS })) ?? look();
}

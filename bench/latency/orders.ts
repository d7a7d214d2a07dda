import type { LoadCity, LoadDriver } from '../load/city';
import { now, startEach, until } from './clock';
import type { HandoverGate } from './handoverGate';
import type { Arrival, Fate } from './plan';
import type { Sample, Timed } from './samples';

/** The result of one part of a run. `lagMs`: how late this process sent each request. */
export type OrdersRun = { deliveryIds: string[]; samples: Sample[]; lagMs: number[]; failures: string[] };

export type OrdersOptions = {
  arrivals: readonly Arrival[];
  /**
   * The time from an accept to the delivery's end, in ms, counting only what drivers do; they reach the
   * dropoff after half of it and wait there.
   */
  lifeMs: number;
  signal: AbortSignal;
};

type Taken = { driver: LoadDriver; deliveryId: string; acceptedAt: number };

/** Shares of that time: when a driver is lost, and when steps are reported. */
const LOST_AFTER = 0.1;
const STEPS = [
  ['arriveAtPickup', 0.2],
  ['pickUp', 0.35],
  ['arriveAtDropoff', 0.5],
] as const;
const BACK_ON_DUTY_MS = 5_000;

/** Places orders on schedule; drivers answer and work on schedule. */
export class Orders {
  private readonly carried = new Set<Promise<void>>();
  private readonly lateFailures: string[] = [];

  constructor(
    private readonly city: LoadCity,
    private readonly gate: HandoverGate,
  ) {}

  /**
   * Resolves when every timed event has happened: each order has the driver who carries it to the dropoff.
   * Deliveries then continue.
   */
  async run({ arrivals, lifeMs, signal }: OrdersOptions): Promise<OrdersRun> {
    const run: OrdersRun = { deliveryIds: [], samples: [], lagMs: [], failures: [] };
    const start = async (arrival: Arrival, meantAt: number): Promise<void> => {
      this.gate.enter();
      try {
        this.inBackground(this.carry(await this.findDriver(arrival, meantAt, lifeMs, run), lifeMs));
      } catch (error) {
        this.gate.leave({ wasReleased: false });
        run.failures.push(wordsOf(error));
      }
    };
    await startEach(arrivals, now(), start, signal);
    return run;
  }

  /**
   * Resolves when every carried order has been delivered.
   * @returns the failures meanwhile
   */
  async ended(): Promise<string[]> {
    while (this.carried.size > 0) await Promise.all(this.carried);
    return this.lateFailures;
  }

  /** From placing the order to the driver who keeps it. */
  private async findDriver(
    { fate, thinkMs: [think, thinkAgain] }: Arrival,
    meantAt: number,
    lifeMs: number,
    run: OrdersRun,
  ): Promise<Taken> {
    run.lagMs.push(now() - meantAt);
    const { deliveryId } = await this.city.post();
    run.deliveryIds.push(deliveryId);
    const taken = await this.takeUp(deliveryId, { timed: 'offer', since: meantAt, thinkMs: think }, run);
    if (fate === 'delivers') return taken;
    const lostAt = taken.acceptedAt + LOST_AFTER * lifeMs;
    await until(lostAt);
    run.lagMs.push(now() - lostAt);
    this.inBackground(this.lose(taken, fate)); // not awaited: the next offer may arrive before the answer
    return this.takeUp(deliveryId, { timed: 'reassignment', since: lostAt, thinkMs: thinkAgain }, run);
  }

  /** The offer arrives, the driver looks at it and accepts. */
  private async takeUp(
    deliveryId: string,
    { timed, since, thinkMs }: { timed: Timed; since: number; thinkMs: number },
    run: OrdersRun,
  ): Promise<Taken> {
    const { driver, offerId, heardAt } = await this.city.offerOf(deliveryId);
    run.samples.push({ timed, ms: heardAt - since, offerId });
    const acceptAt = heardAt + thinkMs;
    await until(acceptAt);
    run.lagMs.push(now() - acceptAt);
    await driver.accept(offerId);
    const acceptedAt = now();
    run.samples.push({ timed: 'accept', ms: acceptedAt - acceptAt, offerId });
    return { driver, deliveryId, acceptedAt };
  }

  private async lose({ driver, deliveryId }: Taken, fate: Exclude<Fate, 'delivers'>): Promise<void> {
    if (fate === 'leaves') return driver.leave(deliveryId);
    await driver.goOffline();
    await until(now() + BACK_ON_DUTY_MS);
    await driver.sendPlace();
    await driver.startShift();
  }

  private async carry({ driver, deliveryId, acceptedAt }: Taken, lifeMs: number): Promise<void> {
    for (const [step, after] of STEPS) {
      await until(acceptedAt + after * lifeMs);
      await driver.step(deliveryId, step);
    }
    await this.gate.wait();
    await driver.step(deliveryId, 'deliver');
    this.gate.leave({ wasReleased: true });
  }

  private inBackground(work: Promise<void>): void {
    const over = work.catch((error: unknown) => void this.lateFailures.push(wordsOf(error)));
    this.carried.add(over);
    void over.then(() => this.carried.delete(over));
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

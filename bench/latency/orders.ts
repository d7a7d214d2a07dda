import type { LoadCity, LoadDriver } from '../load/city';
import { now, startEach, until } from './clock';
import type { Door } from './door';
import type { Arrival, Fate } from './plan';
import type { Sample, Timed } from './samples';

/**
 * What came of one part of the run. `lagMs`: how late this process itself was, at each thing that it was to
 * send.
 */
export type OrdersRun = { deliveryIds: string[]; samples: Sample[]; lagMs: number[]; failures: string[] };

export type OrdersOptions = {
  arrivals: readonly Arrival[];
  /**
   * From an accept to the end, in ms, where nothing takes time but what drivers do; they are at the door
   * after half of it, and wait there.
   */
  lifeMs: number;
  signal: AbortSignal;
};

type Taken = { driver: LoadDriver; deliveryId: string; acceptedAt: number };

/** Shares of the life: when a driver is lost, and when steps are taken. */
const LOST_AFTER = 0.1;
const STEPS = [
  ['arriveAtPickup', 0.2],
  ['pickUp', 0.35],
  ['arriveAtDropoff', 0.5],
] as const;
const BACK_ON_DUTY_MS = 5_000;

/** Posts orders at their times, and lets drivers answer and work at theirs. */
export class Orders {
  private readonly carried = new Set<Promise<void>>();
  private readonly lateFailures: string[] = [];

  constructor(
    private readonly city: LoadCity,
    private readonly door: Door,
  ) {}

  /**
   * Resolves when everything that is timed has been: each of these orders has the driver who carries it to
   * the door. That goes on.
   */
  async run({ arrivals, lifeMs, signal }: OrdersOptions): Promise<OrdersRun> {
    const run: OrdersRun = { deliveryIds: [], samples: [], lagMs: [], failures: [] };
    const start = async (arrival: Arrival, meantAt: number): Promise<void> => {
      this.door.enter();
      try {
        this.inBackground(this.carry(await this.findDriver(arrival, meantAt, lifeMs, run), lifeMs));
      } catch (error) {
        this.door.leave({ wasLet: false });
        run.failures.push(wordsOf(error));
      }
    };
    await startEach(arrivals, now(), start, signal);
    return run;
  }

  /** Resolves when all that is carried has been delivered. @returns what went wrong on the way */
  async ended(): Promise<string[]> {
    while (this.carried.size > 0) await Promise.all(this.carried);
    return this.lateFailures;
  }

  /** From the posting to the driver who stays. */
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
    this.inBackground(this.lose(taken, fate)); // the answer is not waited for: the next offer may be quicker
    return this.takeUp(deliveryId, { timed: 'reassignment', since: lostAt, thinkMs: thinkAgain }, run);
  }

  /** The offer comes, is looked at, and accepted. */
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
    await this.door.wait();
    await driver.step(deliveryId, 'deliver');
    this.door.leave({ wasLet: true });
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

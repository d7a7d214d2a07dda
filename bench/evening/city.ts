import type { Connections } from '../../simulator/client/connections';
import { UTILISATION } from '../../simulator/demo/demand';
import { buildDemoWorld, type DemoWorld, type FleetBehaviour } from '../../simulator/demo/world';
import { pause } from '../../simulator/kit/pause';
import type { Random } from '../../simulator/kit/random';
import { OrderFlow } from '../../simulator/people/orders';
import { type Options, orderPauseMs } from './options';
import { TimedLatencies } from './timedLatencies';

/** Of ten offers, drivers accept seven, reject two and let one lapse. Nobody rests or vanishes. */
const FLEET: FleetBehaviour = {
  odds: { breakAfterJob: 0, failAtDoor: 0.02 },
  answers: [...Array.from({ length: 7 }, () => 'accept' as const), 'reject', 'reject', 'ignore'],
  afterAccept: ['goesOn'],
  rhythm: { batch: 5, idleMs: 10_000, pollMs: 30_000 },
  awayMs: { min: 0, max: 0 },
};
/** Between one driver who comes on duty and the next. */
const COME_EVERY_MS = 50;

/** The mean pause between two orders, in ms. It changes during the run. */
type Pace = { pauseMs: number };

/** The demo city on a bad evening: few drivers, then plenty. Orders come in an open loop. */
export class EveningCity {
  /** Requests of shops that failed for good. */
  readonly failures: string[] = [];
  private readonly working = new AbortController();
  private readonly work: Promise<void>[] = [];
  private ordering: Promise<void> | undefined;

  private constructor(
    private readonly world: DemoWorld,
    private readonly orders: OrderFlow,
    private readonly pace: Pace,
    readonly latencies: TimedLatencies,
    private readonly options: Options,
    private readonly log: (line: string) => void,
  ) {}

  /**
   * Sets it up through the API. Nobody is on duty yet.
   * @throws UnexpectedRefusal
   */
  static async open(
    connections: Connections,
    options: Options,
    random: Random,
    log: (line: string) => void,
  ): Promise<EveningCity> {
    const latencies = new TimedLatencies();
    const world = await buildDemoWorld({
      connections,
      drivers: options.plenty,
      speed: options.speed,
      random: random.stream('drivers'),
      log,
      fleetBehaviour: FLEET,
      isAllV2: true,
      latencies,
    });
    const pace: Pace = { pauseMs: orderPauseMs(options.overload, options) };
    const orders = new OrderFlow(
      { clients: world.merchants, random: random.stream('orders'), ledger: world.ledger, latencies, log },
      {
        everyMs: () => pace.pauseMs,
        count: null,
        cancelOdds: 0,
        speed: options.speed,
        isOpenLoop: true,
        run: `evening-${Date.now().toString(36)}`,
      },
    );
    return new EveningCity(world, orders, pace, latencies, options, log);
  }

  /** Brings drivers on duty until this many are, one shortly after the other. */
  async comeOnDuty(count: number, signal: AbortSignal): Promise<void> {
    for (const driver of this.world.drivers.slice(this.work.length, count)) {
      this.work.push(
        driver
          .work(this.working.signal)
          .catch((error: unknown) => this.log(`a driver stopped: ${String(error)}`)),
      );
      if (!(await pause(COME_EVERY_MS, signal))) return;
    }
  }

  /** Orders come, more than the drivers can carry. */
  startOrders(): void {
    this.ordering = this.orders.run(this.working.signal).catch((error: unknown) => {
      if (!this.working.signal.aborted) this.failures.push(`an order was not taken: ${String(error)}`);
    });
  }

  /** From now on no more orders come than the drivers of the bad minutes could carry. */
  calmDown(): void {
    this.pace.pauseMs = orderPauseMs(UTILISATION.calm, this.options);
  }

  /** Orders stop, and everybody stops where they are. */
  async close(): Promise<void> {
    this.working.abort();
    this.orders.close();
    await Promise.all([this.ordering, ...this.work]);
  }

  /** When each order was sent, and each offer reached its driver; epoch ms by id. */
  get sentAt(): ReadonlyMap<string, number> {
    return new Map(this.orders.placed.map(({ deliveryId, sentAt }) => [deliveryId, sentAt]));
  }

  get arrivals(): ReadonlyMap<string, number> {
    return this.world.offerArrivals;
  }

  /** Answers that came when the offer was over, and accepts that were never answered. */
  get answers(): { tooLate: number; unanswered: number } {
    const sum = (count: 'refusedLate' | 'unanswered'): number =>
      this.world.drivers.reduce((total, { counts }) => total + counts[count], 0);
    return { tooLate: sum('refusedLate'), unanswered: sum('unanswered') };
  }
}

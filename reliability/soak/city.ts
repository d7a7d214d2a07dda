import type { Connections } from '../../simulator/client/connections';
import type { SupportClient } from '../../simulator/client/supportClient';
import { Demo, settledFigures, untilAllEnded } from '../../simulator/demo/demo';
import { DEMO_CITY } from '../../simulator/demo/city';
import { buildDemoWorld, type DemoWorld, type FleetBehaviour } from '../../simulator/demo/world';
import type { Inspection } from '../../simulator/kit/inspection';
import type { Acknowledged } from '../../simulator/people/ledger';
import { SimulatedOps } from '../../simulator/people/simulatedOps';
import { pause } from '../../simulator/kit/pause';
import { type Random, randomFrom } from '../../simulator/kit/random';
import type { Values } from './sample';
import { Visitors } from './visitors';

/** `everyMs`: the mean interval between orders. */
export type CityOptions = { drivers: number; everyMs: number; seed: string; speed: number };

const CANCEL_ODDS = 0.04;
const PROGRESS_EVERY_MS = 30_000;
const DESK_EVERY_MS = 5_000;
const VISITOR_EVERY_MS = 700;
/** Ops rescue a driver at this interval, whatever work they have. */
const RESCUE_EVERY_MS = 45_000;
const ALL_ENDED_WITHIN_MS = 10 * 60_000;

/**
 * Normal behaviour: most drivers accept, some reject, some let an offer expire; one in sixty goes silent for
 * a while after accepting.
 */
const FLEET_BEHAVIOUR: FleetBehaviour = {
  odds: { breakAfterJob: 0.1, failAtDoor: 0.02 },
  answers: [
    ...Array.from({ length: 20 }, () => 'accept' as const),
    'reject',
    'reject',
    'reject',
    'ignore',
    'ignore',
  ],
  afterAccept: [...Array.from({ length: 59 }, () => 'goesOn' as const), 'vanishes'],
  rhythm: { batch: 3, idleMs: 10_000, pollMs: 15_000 },
  awayMs: { min: 10_000, max: 40_000 },
};

/** The demo city under a steady load, with clients that come and go. */
export class City {
  private readonly atWork = new AbortController();
  private working: Promise<unknown> | undefined;

  private constructor(
    private readonly world: DemoWorld,
    private readonly demo: Demo,
    private readonly visitors: Visitors,
    private readonly desk: SupportClient,
    private readonly random: Random,
    private readonly log: (line: string) => void,
  ) {}

  static async build(
    connections: Connections,
    { drivers, everyMs, seed, speed }: CityOptions,
    log: (line: string) => void,
  ): Promise<City> {
    const random = randomFrom(seed);
    const world = await buildDemoWorld({
      connections,
      drivers,
      speed,
      random,
      log,
      fleetBehaviour: FLEET_BEHAVIOUR,
    });
    const demo = new Demo(
      { world, random, log },
      { everyMs, count: null, cancelOdds: CANCEL_ODDS, speed, run: `soak-${Date.now().toString(36)}` },
    );
    const visitors = new Visitors({
      connections,
      driverIds: world.driverIds,
      random: random.stream('visitors'),
      log,
    });
    return new City(world, demo, visitors, await connections.support('olga'), random.stream('desk'), log);
  }

  /** Brings drivers and ops on duty, until `end`. */
  open(): void {
    const { signal } = this.atWork;
    void this.demo.logProgress(PROGRESS_EVERY_MS, signal);
    const desk = new SimulatedOps({
      client: this.desk,
      cityId: DEMO_CITY.cityId,
      ledger: this.world.ledger,
      log: this.log,
    });
    this.working = Promise.all([
      this.demo.startDrivers(signal),
      this.visitors.come(VISITOR_EVERY_MS, signal),
      desk.work(DESK_EVERY_MS, signal),
      this.keepRescuing(signal),
    ]);
  }

  /** Places orders until the signal, with their cancellations. */
  order(signal: AbortSignal): Promise<void> {
    return this.demo.orders.run(signal);
  }

  /**
   * Waits until every order has ended.
   * @returns figures, and the violations in words
   */
  async settle(
    inspection: Inspection,
    signal: AbortSignal,
  ): Promise<{ figures: object; problems: string[] }> {
    const { orders } = this.demo;
    await untilAllEnded(
      inspection,
      orders.placed.map(({ deliveryId }) => deliveryId),
      Date.now() + ALL_ENDED_WITHIN_MS,
      signal,
    );
    return settledFigures({ world: this.world, inspection, orders });
  }

  /**
   * Sends everybody off duty. Resolves when all have left. Stops their work first: a driver whose app is
   * still active would come back on duty.
   */
  async end(): Promise<void> {
    this.atWork.abort();
    await this.working;
    await this.world.endShifts();
  }

  acknowledged(): readonly Acknowledged[] {
    return this.world.ledger.all();
  }

  counts(): Values {
    const { drivers, latencies } = this.world;
    const accept = latencies.percentile('accept', 99);
    return {
      orders: this.demo.orders.placedCount,
      delivered: drivers.reduce((sum, { counts }) => sum + counts.delivered, 0),
      visits: this.visitors.visits,
      refusedVisits: this.visitors.refused,
      ...(accept === null ? {} : { acceptP99Ms: accept }),
    };
  }

  private async keepRescuing(signal: AbortSignal): Promise<void> {
    while (await pause(RESCUE_EVERY_MS, signal)) {
      const driverId = this.random.pick(this.world.driverIds);
      const answer = await this.desk
        .rescue(driverId, 'drill')
        .catch((error: unknown) => ({ ok: false, code: String(error) }) as const);
      if (!answer.ok) this.log(`ops: driver ${driverId} could not be rescued: ${answer.code}`);
    }
  }
}

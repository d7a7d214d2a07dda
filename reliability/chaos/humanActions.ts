import type { SupportClient } from '../../simulator/client/supportClient';
import type { SimulatedDriver } from '../../simulator/people/driver';
import type { SimulatedOps } from '../../simulator/people/simulatedOps';
import type { OrderFlow } from '../../simulator/people/orders';
import { pause } from '../../simulator/kit/pause';
import type { Random } from '../../simulator/kit/random';
import { ServiceUnavailableError } from '@driver-service/api-client';

/** Actions by drivers and ops that run alongside the faults. */
const HUMAN_ACTIONS = [
  'givesUp',
  'givesUp',
  'goesOffDuty',
  'goesOffDuty',
  'rests',
  'isRescued',
  'isAssigned',
  'isAssigned',
  'isPaidMore',
  'isOrderedFar',
] as const;
export type HumanAction = (typeof HUMAN_ACTIONS)[number];

export type HumanActionDeps = {
  random: Random;
  drivers: readonly SimulatedDriver[];
  orders: OrderFlow;
  desk: SimulatedOps;
  client: SupportClient;
  lengthMs: number;
  log: (line: string) => void;
};

const EVERY_MS = { min: 2_000, max: 6_000 };
const AWAY_MS = { min: 3_000, max: 15_000 };
/**
 * Out-of-town orders wait for ops, who assign them after level 3. The limit keeps such orders from being the
 * only ones left at the end.
 */
const MAX_FAR = 3;
const FAR_UNTIL_SHARE = 0.3;
const FAR_IN_RUNS_OF_MS = 180_000;
/** Chosen among this many of the newest orders. */
const AMONG = 10;

/**
 * Drivers who leave, take breaks and give up deliveries, and ops who intervene by hand, at a configured rate.
 */
export class HumanActions {
  readonly counts: Record<HumanAction, number> = {
    givesUp: 0,
    goesOffDuty: 0,
    rests: 0,
    isRescued: 0,
    isAssigned: 0,
    isPaidMore: 0,
    isOrderedFar: 0,
  };
  private readonly startedAt = Date.now();
  private far = 0;

  constructor(private readonly deps: HumanActionDeps) {}

  private get mayOrderFar(): boolean {
    const { lengthMs } = this.deps;
    return (
      this.far < MAX_FAR &&
      lengthMs >= FAR_IN_RUNS_OF_MS &&
      Date.now() - this.startedAt < lengthMs * FAR_UNTIL_SHARE
    );
  }

  /** Runs until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { random, log } = this.deps;
    while (await pause(random.between(EVERY_MS.min, EVERY_MS.max), signal)) {
      const humanAction = random.pick(HUMAN_ACTIONS);
      this.follow(humanAction, random.next()).then(
        (done) => void (this.counts[humanAction] += done ? 1 : 0),
        (error: unknown) => {
          if (!signal.aborted || !(error instanceof ServiceUnavailableError))
            log(`${humanAction}: ${String(error)}`);
        },
      );
    }
  }

  /**
   * @param draw 0..1, picks the subject of the action
   * @returns whether there was a subject to act on
   */
  private async follow(humanAction: HumanAction, draw: number): Promise<boolean> {
    const { drivers, orders, desk, client, random } = this.deps;
    const oneOf = <T>(all: readonly T[]): T | undefined => all[Math.floor(draw * all.length)];
    const awayMs = random.between(AWAY_MS.min, AWAY_MS.max);
    const order = oneOf(orders.placed.slice(-AMONG));
    switch (humanAction) {
      case 'givesUp': {
        const driver = oneOf(drivers.filter(({ onTheWayTo, isV1 }) => onTheWayTo !== null && !isV1));
        const deliveryId = driver?.onTheWayTo ?? null;
        return driver !== undefined && deliveryId !== null && driver.giveUp(deliveryId);
      }
      case 'goesOffDuty':
        return (await oneOf(drivers)?.goOffDuty(awayMs)) ?? false;
      case 'rests':
        return this.rest(oneOf(drivers.filter(({ isFree, isV1 }) => isFree && !isV1)), awayMs);
      case 'isRescued': {
        const driver = oneOf(drivers.filter(({ onTheWayTo }) => onTheWayTo !== null));
        return driver !== undefined && (await client.rescue(driver.driverId, 'ops release the driver')).ok;
      }
      case 'isAssigned':
        return order !== undefined && desk.assignNearest(order.deliveryId, 'ops assign the nearest driver');
      case 'isPaidMore':
        return order !== undefined && (await client.raisePay(order.deliveryId, 150, 'ops raise the pay')).ok;
      case 'isOrderedFar':
        if (!this.mayOrderFar) return false;
        this.far += 1;
        await orders.placeFar(`far-${this.far}`);
        return true;
    }
  }

  private async rest(driver: SimulatedDriver | undefined, forMs: number): Promise<boolean> {
    if (!driver || !(await driver.takeBreak())) return false;
    await pause(forMs);
    await driver.endBreak();
    return true;
  }
}

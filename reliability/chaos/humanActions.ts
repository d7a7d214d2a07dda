import type { SupportClient } from '../../simulator/client/supportClient';
import type { SimulatedDriver } from '../../simulator/people/driver';
import type { SimulatedOps } from '../../simulator/people/simulatedOps';
import type { OrderFlow } from '../../simulator/people/orders';
import { pause } from '../../simulator/kit/pause';
import type { Random } from '../../simulator/kit/random';
import { ServiceUnavailableError } from '@driver-service/api-client';

/** What people do in the middle of it all. */
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

export type WhimDeps = {
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
 * Orders from out of town wait for ops, who give them away after the third level; more than a few, or late
 * ones, would be all that is left at the end.
 */
const MOST_FAR = 3;
const FAR_UNTIL_SHARE = 0.3;
const FAR_IN_RUNS_OF_MS = 180_000;
/** Of the newest orders. */
const AMONG = 10;

/** Drivers who leave, rest and give up, and ops who act by hand, at a rate of their own. */
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

  constructor(private readonly deps: WhimDeps) {}

  private get mayOrderFar(): boolean {
    const { lengthMs } = this.deps;
    return (
      this.far < MOST_FAR &&
      lengthMs >= FAR_IN_RUNS_OF_MS &&
      Date.now() - this.startedAt < lengthMs * FAR_UNTIL_SHARE
    );
  }

  /** Until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { random, log } = this.deps;
    while (await pause(random.between(EVERY_MS.min, EVERY_MS.max), signal)) {
      const humanAction = random.pick(HUMAN_ACTIONS);
      this.follow(humanAction, random.next()).then(
        (done) => void (this.counts[humanAction] += done ? 1 : 0),
        (error: unknown) => {
          if (!signal.aborted || !(error instanceof ServiceUnavailableError)) log(`${humanAction}: ${String(error)}`);
        },
      );
    }
  }

  /** @param draw 0..1, which of those whom it may concern; @returns whether it came to that */
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
        return (
          driver !== undefined && (await client.rescue(driver.driverId, 'ops take their work off them')).ok
        );
      }
      case 'isAssigned':
        return order !== undefined && desk.assignNearest(order.deliveryId, 'ops will not wait');
      case 'isPaidMore':
        return order !== undefined && (await client.raisePay(order.deliveryId, 150, 'ops pay more')).ok;
      case 'isOrderedFar':
        if (!this.mayOrderFar) return false;
        this.far += 1;
        await orders.placeFar(`far-${this.far}`);
        return true;
    }
  }

  private async rest(driver: SimulatedDriver | undefined, forMs: number): Promise<boolean> {
    if (!driver || !(await driver.rest())) return false;
    await pause(forMs);
    await driver.endRest();
    return true;
  }
}

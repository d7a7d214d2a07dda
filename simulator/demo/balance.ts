import { type Demand, ordersPerHour, phaseAt } from './demand';
import type { SupportClient } from '../client/supportClient';
import { pause } from '../kit/pause';
import type { SimulatedDriver } from '../people/driver';
import type { Roster } from '../people/roster';
import { type Worker, Workday } from '../people/workday';

export type BalanceDeps = {
  demand: Demand;
  speed: number;
  cityId: string;
  roster: Roster;
  drivers: readonly (Worker & Pick<SimulatedDriver, 'driverId' | 'isOnDuty'>)[];
  support: Pick<SupportClient, 'backlog'>;
  log: (line: string) => void;
};

const HOUR_MS = 3_600_000;
const FOLLOW_EVERY_MS = 1_000;
/** The service counts the backlog at most every 5 s. */
const BACKLOG_POLL_MS = 10_000;

/** Sets the order rate and the drivers' duty of an endless city. Its clock starts at 0 with the run. */
export class Balance {
  private readonly startedAt = Date.now();
  /** Orders without a driver, as last counted by the service; null: not counted yet. */
  private waiting: number | null = null;

  constructor(private readonly deps: BalanceDeps) {}

  /** The mean pause until the next order at the current rate. Infinity: no orders for now. */
  readonly everyMs = (): number => {
    const { demand, speed, roster } = this.deps;
    // An earlier run may have left a backlog, so no order comes before the first count.
    if (this.waiting === null) return Infinity;
    const { clockMs, waiting } = this;
    return (
      HOUR_MS / ordersPerHour(demand, { clockMs, driversOnDuty: roster.onDutyAt(clockMs), waiting }, speed)
    );
  };

  /** Sends drivers on breaks, home, and back to work, until the signal. */
  async followRoster(signal: AbortSignal): Promise<void> {
    const { drivers, roster, log } = this.deps;
    await Promise.all(
      drivers.map(async (driver, number) => {
        const workday = new Workday(driver);
        while (await pause(FOLLOW_EVERY_MS, signal))
          await workday
            .follow(roster.dutyAt(number, this.clockMs))
            .catch(
              (error: unknown) => void (signal.aborted || log(`driver ${driver.driverId}: ${String(error)}`)),
            );
      }),
    );
  }

  /** Counts the waiting orders until the signal. The last count holds while the service is away. */
  async watchBacklog(signal: AbortSignal): Promise<void> {
    const { support, cityId, log } = this.deps;
    const readBacklog = async (): Promise<void> => {
      const answer = await support.backlog(cityId);
      if (answer.ok) this.waiting = answer.waiting;
      else log(`the backlog could not be counted: ${answer.code}: ${answer.detail}`);
    };
    do
      await readBacklog().catch(
        (error: unknown) =>
          void (signal.aborted || log(`the backlog could not be counted: ${String(error)}`)),
      );
    while (await pause(BACKLOG_POLL_MS, signal));
  }

  /** The state of the city, as a log line. */
  progress(): string {
    const { demand, drivers } = this.deps;
    const phase = demand === 'rush' ? 'a bad evening' : phaseAt(this.clockMs);
    const onDuty = drivers.filter(({ isOnDuty }) => isOnDuty).length;
    return `${phase}; ${this.waiting ?? 'unknown'} orders wait; ${onDuty} of ${drivers.length} drivers are on duty`;
  }

  private get clockMs(): number {
    return Date.now() - this.startedAt;
  }
}

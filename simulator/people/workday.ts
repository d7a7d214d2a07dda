import type { SimulatedDriver } from './driver';
import type { Duty } from './roster';

/** The parts of a driver that a roster uses. */
export type Worker = Pick<
  SimulatedDriver,
  'isV1' | 'isCarrying' | 'hasToFetch' | 'takeBreak' | 'endBreak' | 'goHome' | 'comeBack'
>;

/** Keeps one driver to the roster. Deliveries in hand come first, so a break or the end may be late. */
export class Workday {
  private duty: Duty = 'onDuty';

  constructor(private readonly driver: Worker) {}

  /** Takes a step towards the roster's duty. The next call retries a step that is not possible yet. */
  async follow(planned: Duty): Promise<void> {
    if (planned === this.duty) return;
    if (await this.change(planned)) this.duty = planned;
  }

  private async change(planned: Duty): Promise<boolean> {
    const { driver } = this;
    switch (planned) {
      case 'onBreak':
        return this.duty === 'onDuty' && !driver.isV1 && !driver.isCarrying && driver.takeBreak();
      case 'offDuty':
        return !driver.hasToFetch && driver.goHome();
      case 'onDuty':
        if (this.duty === 'offDuty') return driver.comeBack();
        await driver.endBreak();
        return true;
    }
  }
}

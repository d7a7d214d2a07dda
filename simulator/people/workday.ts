import type { SimulatedDriver } from './driver';
import type { Duty } from './roster';

/** What a roster asks of a driver. */
export type Worker = Pick<
  SimulatedDriver,
  'isV1' | 'isCarrying' | 'hasToFetch' | 'takeBreak' | 'endBreak' | 'goHome' | 'comeBack'
>;

/** Keeps one driver to the roster. Work in hand comes first, so whoever rests or goes home may be late. */
export class Workday {
  private duty: Duty = 'onDuty';

  constructor(private readonly driver: Worker) {}

  /** Takes a step towards what the roster says. What cannot be done yet is tried at the next call. */
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

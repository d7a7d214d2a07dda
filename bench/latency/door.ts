/**
 * Keeps so many deliveries open: drivers wait before the door, and each order that comes beyond that number
 * lets the one that waits longest hand over. So the orders set the pace, and never the service.
 */
export class Door {
  private readonly waiting: (() => void)[] = [];
  /** Of those who may hand over but have not come to the door yet. */
  private owed = 0;
  private handingOver = 0;
  private openNow = 0;
  private seen = { min: 0, max: 0 };

  constructor(private readonly keepOpen: number) {}

  /** How many were open at the least and at the most since the last call. */
  openSince(): { min: number; max: number } {
    const { seen } = this;
    this.seen = { min: this.openNow, max: this.openNow };
    return seen;
  }

  /** An order is posted. */
  enter(): void {
    this.count(1);
    if (this.openNow - this.handingOver > this.keepOpen) this.letOne();
  }

  /** Resolves when this one may hand over. */
  wait(): Promise<void> {
    if (this.owed > 0) {
      this.owed -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** It has ended; `wasLet` false: not by way of the door. */
  leave({ wasLet }: { wasLet: boolean }): void {
    this.count(-1);
    if (wasLet && this.handingOver > 0) this.handingOver -= 1;
  }

  /** One more may hand over, whatever is open. */
  letOne(): void {
    this.handingOver += 1;
    const next = this.waiting.shift();
    if (next) next();
    else this.owed += 1;
  }

  private count(change: 1 | -1): void {
    this.openNow += change;
    this.seen = { min: Math.min(this.seen.min, this.openNow), max: Math.max(this.seen.max, this.openNow) };
  }
}

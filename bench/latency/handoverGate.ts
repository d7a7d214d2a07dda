/**
 * Keeps the number of open deliveries constant: drivers wait at the dropoff, and each order above the number
 * releases the driver who has waited longest. Orders set the pace, not the service.
 */
export class HandoverGate {
  private readonly waiting: (() => void)[] = [];
  /** Releases granted to drivers who have not arrived yet. */
  private owed = 0;
  private handingOver = 0;
  private openNow = 0;
  private seen = { min: 0, max: 0 };

  constructor(private readonly keepOpen: number) {}

  /** The minimum and maximum of open deliveries since the last call. */
  openSince(): { min: number; max: number } {
    const { seen } = this;
    this.seen = { min: this.openNow, max: this.openNow };
    return seen;
  }

  /** An order was placed. */
  enter(): void {
    this.count(1);
    if (this.openNow - this.handingOver > this.keepOpen) this.releaseOne();
  }

  /** Resolves when this driver may hand over. */
  wait(): Promise<void> {
    if (this.owed > 0) {
      this.owed -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** The delivery has ended; `wasReleased` false: without passing the gate. */
  leave({ wasReleased }: { wasReleased: boolean }): void {
    this.count(-1);
    if (wasReleased && this.handingOver > 0) this.handingOver -= 1;
  }

  /** Releases one driver, however many deliveries are open. */
  releaseOne(): void {
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

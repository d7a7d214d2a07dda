import type { Socket } from 'node:net';

/** What holds for all connections of a proxy now. */
export type Weather = { delaysMs: number[]; stalls: number };

/** So many bytes wait at the most; whoever says more waits, as with a full network. */
const MOST_WAITING = 256 * 1_024;

/** One direction of a connection: what comes from `from` goes to `to`, in order, when the weather lets it. */
export class ProxyPipe {
  /** null: the end. */
  private readonly queue: { chunk: Buffer | null; arrivedAt: number }[] = [];
  private waitingBytes = 0;
  private isFull = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly weather: Weather,
  ) {
    from.on('data', (chunk: Buffer) => this.take(chunk));
    from.once('end', () => this.take(null));
    to.on('drain', () => {
      this.isFull = false;
      this.goOn();
    });
    to.once('close', () => this.drop());
  }

  /** Passes on what may pass now; the rest when its time comes. */
  goOn(): void {
    clearTimeout(this.timer);
    for (let next = this.queue[0]; next && !this.isFull && this.weather.stalls === 0; next = this.queue[0]) {
      const inMs = next.arrivedAt + this.delayMs() - Date.now();
      if (inMs > 0) {
        this.timer = setTimeout(() => this.goOn(), inMs);
        return;
      }
      this.queue.shift();
      this.pass(next.chunk);
    }
  }

  private take(chunk: Buffer | null): void {
    if (this.to.destroyed) return;
    this.queue.push({ chunk, arrivedAt: Date.now() });
    this.waitingBytes += chunk?.length ?? 0;
    if (this.waitingBytes >= MOST_WAITING) this.from.pause();
    this.goOn();
  }

  private pass(chunk: Buffer | null): void {
    if (!this.to.writable) return;
    if (chunk === null) return void this.to.end();
    this.waitingBytes -= chunk.length;
    if (!this.to.write(chunk)) this.isFull = true;
    if (this.waitingBytes < MOST_WAITING) this.from.resume();
  }

  private delayMs(): number {
    return this.weather.delaysMs.reduce((sum, ms) => sum + ms, 0);
  }

  /** Nobody is left to hear it: what still comes is read, so that its end is seen. */
  private drop(): void {
    clearTimeout(this.timer);
    this.queue.length = 0;
    this.waitingBytes = 0;
    this.from.resume();
  }
}

import type { Socket } from 'node:net';

/** The faults that apply to all connections of a proxy now. */
export type PipeFaults = { delaysMs: number[]; stalls: number };

/** The most bytes that are buffered. Beyond it the sender gets back-pressure, as on a congested network. */
const MAX_WAITING = 256 * 1_024;

/** One direction of a connection: forwards data in order, as the active faults allow. */
export class ProxyPipe {
  /** null: the end of the stream. */
  private readonly queue: { chunk: Buffer | null; arrivedAt: number }[] = [];
  private waitingBytes = 0;
  private isFull = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly faults: PipeFaults,
  ) {
    from.on('data', (chunk: Buffer) => this.take(chunk));
    from.once('end', () => this.take(null));
    to.on('drain', () => {
      this.isFull = false;
      this.goOn();
    });
    to.once('close', () => this.drop());
  }

  /** Forwards what may pass now, and schedules the rest. */
  goOn(): void {
    clearTimeout(this.timer);
    for (let next = this.queue[0]; next && !this.isFull && this.faults.stalls === 0; next = this.queue[0]) {
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
    if (this.waitingBytes >= MAX_WAITING) this.from.pause();
    this.goOn();
  }

  private pass(chunk: Buffer | null): void {
    if (!this.to.writable) return;
    if (chunk === null) return void this.to.end();
    this.waitingBytes -= chunk.length;
    if (!this.to.write(chunk)) this.isFull = true;
    if (this.waitingBytes < MAX_WAITING) this.from.resume();
  }

  private delayMs(): number {
    return this.faults.delaysMs.reduce((sum, ms) => sum + ms, 0);
  }

  /** The receiver is gone. Reads and discards what still comes, so that the end of the stream is seen. */
  private drop(): void {
    clearTimeout(this.timer);
    this.queue.length = 0;
    this.waitingBytes = 0;
    this.from.resume();
  }
}

import type { Pool } from 'pg';
import { pause } from '../../simulator/kit/pause';

const LOOK_EVERY_MS = 20;
/**
 * Table locks that reading and writing rows takes. A session that waits for one of them waits for a schema
 * change.
 */
const OF_ROWS = ['AccessShareLock', 'RowShareLock', 'RowExclusiveLock'];

/** Samples every 20 ms how long readers and writers have waited for a table lock. */
export class LockWatch {
  private longestMs = 0;
  private readonly over = new AbortController();
  private watching: Promise<void> | undefined;

  constructor(private readonly pool: Pool) {}

  start(): void {
    this.watching = this.watch();
    this.watching.catch(() => undefined); // stop() reports it
  }

  /** @returns the longest wait since the last call, in ms; 0 for waits between two samples */
  take(): number {
    const longestMs = this.longestMs;
    this.longestMs = 0;
    return Math.round(longestMs);
  }

  /** @throws Error where sampling failed */
  async stop(): Promise<void> {
    this.over.abort();
    await this.watching;
  }

  private async watch(): Promise<void> {
    do {
      const {
        rows: [row],
      } = await this.pool.query<{ ms: number | null }>(
        `SELECT (extract(epoch FROM max(clock_timestamp() - waitstart)) * 1000)::float8 AS ms FROM pg_locks
          WHERE NOT granted AND locktype = 'relation' AND mode = ANY($1)`,
        [OF_ROWS],
      );
      this.longestMs = Math.max(this.longestMs, row?.ms ?? 0);
    } while (await pause(LOOK_EVERY_MS, this.over.signal));
  }
}

import type { Pool } from 'pg';
import { pause } from '../../simulator/kit/pause';

const LOOK_EVERY_MS = 20;
/**
 * Locks of tables that reading and writing rows takes. Who waits for one of those waits for a change of the
 * schema: nothing else is in their way.
 */
const OF_ROWS = ['AccessShareLock', 'RowShareLock', 'RowExclusiveLock'];

/** Looks every 20 ms how long anybody who reads or writes rows has waited for a table. */
export class LockWatch {
  private longestMs = 0;
  private readonly over = new AbortController();
  private watching: Promise<void> | undefined;

  constructor(private readonly pool: Pool) {}

  start(): void {
    this.watching = this.watch();
    this.watching.catch(() => undefined); // stop() tells of it
  }

  /**
   * @returns the longest such wait since the last time this was asked, in ms; of those that were shorter than
   *   a look, 0
   */
  take(): number {
    const longestMs = this.longestMs;
    this.longestMs = 0;
    return Math.round(longestMs);
  }

  /** @throws Error where it could not look */
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

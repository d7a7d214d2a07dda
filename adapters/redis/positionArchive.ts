import { setTimeout as sleep } from 'node:timers/promises';
import { type Redis } from 'ioredis';
import { positionsArchived } from '../../services/driverMetrics';
import { type Database } from '../postgres/database';
import { insertPositions, updateLastPlaces } from '../postgres/positionRows';
import { entriesOf, positionOf, type ReceivedPosition, type StreamEntry } from './positionStream';
import { type LastKept, thin } from './positionThinning';

export type PositionArchiveOptions = {
  redis: Redis;
  db: Database;
  onError: (error: unknown) => void;
  /** Pause between two rounds. A round takes everything there is. */
  everyMs?: number;
  keyPrefix?: string;
};

/**
 * One consumer name for all workers: any worker takes over what a dead one left unacknowledged. A batch may
 * be processed twice without effect.
 */
const CONSUMER = 'archive';
const GROUP = 'archive';
const BATCH = 1_000;
const EVERY_MS = 500;
/** How often unacknowledged entries are claimed. */
const LEFTOVERS_EVERY_MS = 60_000;

/**
 * Moves positions from the stream `positions` into PostgreSQL, thinned, and updates the drivers' last known
 * positions there. At least once; a repeat adds nothing.
 */
export class PositionArchive {
  private lastKept: LastKept = new Map();
  private readonly key: string;
  private readonly everyMs: number;
  private running: Promise<void> | null = null;
  private readonly stopped = new AbortController();
  private leftoversAt = 0;
  /** Positions of drivers whose rows were locked when it was their turn. */
  private owed: ReceivedPosition[] = [];

  constructor(private readonly options: PositionArchiveOptions) {
    this.key = `${options.keyPrefix ?? ''}positions`;
    this.everyMs = options.everyMs ?? EVERY_MS;
  }

  start(): void {
    this.running ??= this.loop();
  }

  /** Finishes the current batch, and stops. */
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.running;
  }

  /** Processes everything in the stream. @returns how many positions were stored */
  async archiveAll(): Promise<number> {
    if (Date.now() >= this.leftoversAt) {
      await this.drain('0');
      this.leftoversAt = Date.now() + LEFTOVERS_EVERY_MS;
    }
    const kept = await this.drain('>');
    this.owed = await updateLastPlaces(this.options.db, this.owed);
    return kept;
  }

  private async loop(): Promise<void> {
    while (!this.stopped.signal.aborted) {
      try {
        await this.archiveAll();
      } catch (error) {
        this.leftoversAt = 0;
        this.options.onError(error);
      }
      // aborted by stop()
      await sleep(this.everyMs, undefined, { signal: this.stopped.signal }).catch(() => undefined);
    }
  }

  /** @param from `>`: entries that were never read; `0`: entries that were read and not acknowledged */
  private async drain(from: '>' | '0'): Promise<number> {
    let kept = 0;
    while (!this.stopped.signal.aborted) {
      const entries = await this.read(from);
      if (entries.length > 0) kept += await this.keep(entries);
      if (entries.length < BATCH) break;
    }
    return kept;
  }

  private async read(from: '>' | '0'): Promise<StreamEntry[]> {
    try {
      const reply = await this.options.redis.xreadgroup(
        'GROUP',
        GROUP,
        CONSUMER,
        'COUNT',
        BATCH,
        'STREAMS',
        this.key,
        from,
      );
      return entriesOf(reply);
    } catch (error) {
      if (!isGroupMissing(error)) throw error;
      await this.makeGroup();
      return [];
    }
  }

  /** Needed before the first position, and again after Redis was flushed. */
  private async makeGroup(): Promise<void> {
    try {
      await this.options.redis.xgroup('CREATE', this.key, GROUP, '0', 'MKSTREAM');
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('BUSYGROUP')) throw error;
    }
  }

  private async keep(entries: readonly StreamEntry[]): Promise<number> {
    const fixes = entries.flatMap(({ fields }) => positionOf(fields) ?? []);
    const { kept, lastKept } = thin(fixes, this.lastKept);
    await insertPositions(this.options.db, kept);
    this.owed = await updateLastPlaces(this.options.db, [
      ...this.owed,
      ...kept.filter(({ isLive }) => isLive),
    ]);
    await this.forget(entries.map(({ id }) => id));
    this.lastKept = lastKept; // only now: a batch that failed is processed again
    positionsArchived.inc(kept.length);
    return kept.length;
  }

  /**
   * Deletes archived entries: there is no other reader, and positions should not be kept twice. An entry that
   * was deleted but not acknowledged comes again without fields, and is skipped.
   */
  private async forget(ids: readonly string[]): Promise<void> {
    await this.options.redis.xdel(this.key, ...ids);
    await this.options.redis.xack(this.key, GROUP, ...ids);
  }
}

function isGroupMissing(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOGROUP');
}

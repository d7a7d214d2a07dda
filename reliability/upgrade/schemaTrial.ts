import { join } from 'node:path';
import { Client, DatabaseError, type Pool } from 'pg';
import type { Latencies } from '../../simulator/client/latencies';
import { pause, poll } from '../../simulator/kit/pause';
import { command } from './commands';
import { LockWatch } from './lockWatch';
import { dispensable, makeNextMigrations, type Migration, NEXT_MIGRATIONS } from './migrations';

/** How requests fared during one operation. Milliseconds; null: there were no requests. */
export type Window = {
  what: string;
  tookMs: number;
  requests: number;
  longestRequestMs: number | null;
  longestLockWaitMs: number;
};

export type SchemaDeps = {
  pool: Pool;
  ownerUrl: string;
  env: NodeJS.ProcessEnv;
  log: (line: string) => void;
  signal: AbortSignal;
};

/**
 * Migrations give up on a table lock after 500 ms. A request may queue behind them from the start, and is
 * seen one sample later.
 */
const LONGEST_LOCK_WAIT_MS = 1_000;
const LOCK_TIMEOUT_MS = 500;
const LOCK_NOT_AVAILABLE = '55P03';
const PATIENCE_MS = 60_000;
/** A request still in progress at the end of an operation counts for it. */
const SETTLE_MS = 1_000;
const FLOOR_MS = 6_000;
/** Longer than the command takes to reach the first table. */
const LONG_TRANSACTION_MS = 10_000;
const IN_VAIN = /a table is locked; retrying/g;
const REQUESTS = ['accept', 'step', 'order'] as const;
const DATABASE_COMMAND = join(__dirname, '../../../scripts/database.mjs');

/**
 * Migrates the schema to the next release and back, and reverts and reapplies parts of this one, while
 * drivers accept and deliver.
 */
export class SchemaTrial {
  readonly windows: Window[] = [];
  readonly problems: string[] = [];
  /** How often a migration gave up its lock attempt and retried. */
  private triesInVain = 0;

  constructor(
    private readonly deps: SchemaDeps,
    private readonly latencies: Latencies,
  ) {}

  get figures(): { migrations: Window[]; triesInVain: number } {
    return { migrations: this.windows, triesInVain: this.triesInVain };
  }

  async play(): Promise<void> {
    const { pool, signal } = this.deps;
    const watch = new LockWatch(pool);
    const next = makeNextMigrations();
    watch.start();
    try {
      await this.during('nothing, for comparison', watch, async () => void (await pause(FLOOR_MS, signal)));
      await this.during('migrating to the next release', watch, () => this.database('migrate', next.dir));
      await this.during('reverting it', watch, () => this.back(next.dir));
      await this.during('migrating behind a long transaction', watch, () =>
        this.behindLongTransaction(next.dir),
      );
      await this.during('reverting it again', watch, () => this.back(next.dir));
      for (const migration of dispensable()) {
        await this.during(`${migration.name}, down`, watch, () => this.run(migration, 'down'));
        await this.during(`${migration.name}, up`, watch, () => this.run(migration, 'up'));
      }
    } finally {
      await watch.stop();
      next.remove();
    }
  }

  private async during(what: string, watch: LockWatch, act: () => Promise<void>): Promise<void> {
    const before = REQUESTS.map((name) => this.latencies.count(name));
    watch.take();
    const startedAt = Date.now();
    await act();
    const tookMs = Date.now() - startedAt;
    await pause(SETTLE_MS, this.deps.signal);
    const asked = REQUESTS.flatMap((name, index) => this.latencies.since(name, before[index] ?? 0));
    const window = {
      what,
      tookMs,
      requests: asked.length,
      longestRequestMs: asked.length > 0 ? Math.max(...asked) : null,
      longestLockWaitMs: watch.take(),
    };
    this.windows.push(window);
    const longest = `longest request ${window.longestRequestMs ?? '-'} ms, lock wait ${window.longestLockWaitMs} ms`;
    this.deps.log(`schema: ${what}: ${tookMs} ms; ${asked.length} requests; ${longest}`);
    if (window.longestLockWaitMs > LONGEST_LOCK_WAIT_MS)
      this.problems.push(`${what}: a session waited ${window.longestLockWaitMs} ms for a table lock`);
  }

  /** Runs the operator's command. */
  private async database(name: 'migrate' | 'down', migrationsDir: string): Promise<void> {
    const { env, ownerUrl } = this.deps;
    const { code, words } = await command(DATABASE_COMMAND, [name], {
      ...env,
      MIGRATE_DATABASE_URL: ownerUrl,
      MIGRATIONS_DIR: migrationsDir,
    });
    if (code !== 0) throw new Error(`db:${name} ended with ${code}: ${words}`);
    this.triesInVain += words.match(IN_VAIN)?.length ?? 0;
  }

  private async back(migrationsDir: string): Promise<void> {
    for (let left = NEXT_MIGRATIONS.length; left > 0; left -= 1) await this.database('down', migrationsDir);
  }

  /**
   * A report reads a table for seconds. The migration needs an exclusive lock on it, and later sessions would
   * queue behind both.
   */
  private async behindLongTransaction(migrationsDir: string): Promise<void> {
    const report = new Client({ connectionString: this.deps.ownerUrl });
    await report.connect();
    try {
      await report.query('BEGIN');
      await report.query('SELECT count(*) FROM deliveries, offers WHERE false');
      const reading = pause(LONG_TRANSACTION_MS, this.deps.signal).then(() => report.query('COMMIT'));
      const before = this.triesInVain;
      await this.database('migrate', migrationsDir).finally(() => reading);
      if (this.triesInVain === before)
        this.problems.push('no migration had to wait for the long transaction: nothing was tested');
    } finally {
      await report.end();
    }
  }

  /**
   * Runs one migration out of order, which no command does: in one transaction, with the lock time-out of the
   * commands.
   */
  private async run(migration: Migration, way: 'up' | 'down'): Promise<void> {
    const owner = new Client({
      connectionString: this.deps.ownerUrl,
      options: `-c lock_timeout=${LOCK_TIMEOUT_MS}`,
    });
    await owner.connect();
    const tryOnce = async (): Promise<true | undefined> =>
      owner.query(migration[way]).then(
        () => true,
        (error: unknown) => {
          if (error instanceof DatabaseError && error.code === LOCK_NOT_AVAILABLE) return undefined;
          throw error;
        },
      );
    try {
      const isDone = await poll(tryOnce, {
        everyMs: 1_000,
        deadlineAt: Date.now() + PATIENCE_MS,
        signal: this.deps.signal,
      });
      if (!isDone) throw new Error(`${migration.name}, ${way}: a table stayed locked`);
    } finally {
      await owner.end();
    }
  }
}

// Applies and reverts prisma/migrations. It records them in Prisma's own table in Prisma's format, so that
// Prisma's commands and ours see each other's migrations (ADR 27).
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOCK_TIMEOUT_MS, untilLocked } from './locks.mjs';
import { SetupError } from './log.mjs';
import { requireOwnSession } from './poolers.mjs';
import { migrationsDir } from './paths.mjs';
import { connectPostgres, quoteIdentifier } from './postgres.mjs';
import { waitUntil } from './waiting.mjs';

/** The advisory lock of Prisma's engine: its commands and ours take turns. */
const PRISMA_LOCK_KEY = 72_707_369;
const TURN_TIMEOUT_MS = 600_000;
const CONCURRENT_INDEX = /CREATE (?:UNIQUE )?INDEX CONCURRENTLY (?:IF NOT EXISTS )?"?(\w+)"?/i;
const CREATE_LIST = `CREATE TABLE _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum VARCHAR(64) NOT NULL,
  finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL,
  logs TEXT,
  rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`;

/**
 * Applies the pending migrations in the order of their names, and returns these names.
 * @throws SetupError where a migration fails, was edited since it was applied, or was left unfinished by Prisma
 */
export function applyMigrations(url) {
  return inTurn(url, async (database) => {
    const applied = await appliedMigrations(database);
    const migrations = readMigrations();
    migrations.forEach((migration) => requireUnedited(migration, applied));
    const pending = migrations.filter(({ name }) => !applied.some((row) => row.name === name));
    for (const { name, path, sql } of pending) {
      const record = [
        `INSERT INTO _prisma_migrations (id, migration_name, checksum, started_at, finished_at, applied_steps_count)
         VALUES ($1, $2, $3, now(), clock_timestamp(), 1)`,
        [randomUUID(), name, sha256(sql)],
      ];
      await run(database, { path, sql, record });
    }
    return pending.map(({ name }) => name);
  });
}

/** Runs down.sql of the newest applied migration, deletes its record and returns its name. */
export function revertNewestMigration(url) {
  return inTurn(url, async (database) => {
    const name = (await appliedMigrations(database)).at(-1)?.name;
    if (!name) return undefined;
    const path = join(migrationsDir, name, 'down.sql');
    if (!existsSync(path))
      throw new SetupError(`Migration ${name} has no rollback script.`, `Write ${path}.`);
    const record = ['DELETE FROM _prisma_migrations WHERE migration_name = $1', [name]];
    await run(database, { path, sql: readFileSync(path, 'utf8'), record });
    return name;
  });
}

/** One process at a time changes the schema. The lock ends with its connection. */
async function inTurn(url, act) {
  const database = await connectPostgres(url);
  try {
    await requireOwnSession(url, database);
    // Polled: a session that waits for the lock holds a snapshot, and a CREATE INDEX CONCURRENTLY of the
    // lock's holder would wait for that snapshot.
    await waitUntil(() => takeTurn(database), { timeoutMs: TURN_TIMEOUT_MS, intervalMs: 200 });
    await database.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
    return await act(database);
  } finally {
    await database.end();
  }
}

async function takeTurn(database) {
  const { rows } = await database.query(`SELECT pg_try_advisory_lock(${PRISMA_LOCK_KEY}) AS is_ours`);
  if (rows[0].is_ours) return;
  throw new SetupError(
    `Another process has been changing the schema for ${TURN_TIMEOUT_MS / 60_000} minutes.`,
    "To find it: SELECT a.* FROM pg_locks JOIN pg_stat_activity a USING (pid) WHERE locktype = 'advisory'",
  );
}

function readMigrations() {
  return readdirSync(migrationsDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({ name, path: join(migrationsDir, name, 'migration.sql') }))
    .map((migration) => ({ ...migration, sql: readFileSync(migration.path, 'utf8') }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** Name and checksum of each applied migration, the newest last. Creates the table if it is missing. */
async function appliedMigrations(database) {
  await makeList(database);
  const { rows } = await database.query(
    `SELECT migration_name AS name, checksum, logs, finished_at FROM _prisma_migrations
     WHERE rolled_back_at IS NULL ORDER BY migration_name COLLATE "C"`,
  );
  const unfinished = rows.find(({ finished_at }) => finished_at === null);
  if (!unfinished) return rows;
  const { name, logs } = unfinished;
  throw new SetupError(
    `Prisma began migration ${name} and did not finish it: ${logs ?? 'it was interrupted'}`,
    `Check whether its changes are applied, then run: npm run db -- prisma migrate resolve --applied ${name}
    (or --rolled-back ${name})`,
  );
}

async function makeList(database) {
  const { rows } = await database.query(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1`,
  );
  const names = rows.map(({ name }) => name);
  if (names.includes('_prisma_migrations')) return;
  if (names.length === 0) return database.query(CREATE_LIST);
  throw new SetupError(
    `The database has tables that no migration created: ${names.join(', ')}.`,
    'Use an empty database, or mark migrations as applied: npm run db -- prisma migrate resolve --applied NAME',
  );
}

/** Line ends depend on the checkout, so the checksum ignores them. */
function requireUnedited({ name, path, sql }, applied) {
  const row = applied.find((each) => each.name === name);
  const readings = [sql, sql.replaceAll('\r\n', '\n'), sql.replaceAll(/\r?\n/g, '\r\n')];
  if (!row || readings.some((text) => sha256(text) === row.checksum)) return;
  throw new SetupError(
    `Migration ${name} was edited after it was applied.`,
    `Put ${path} back, and write a new migration. If only comments differ:
    UPDATE _prisma_migrations SET checksum = '${sha256(sql)}' WHERE migration_name = '${name}'`,
  );
}

/** Runs the script and writes its record in one transaction. */
async function run(database, { path, sql, record }) {
  const bare = sql.replaceAll(/--.*$/gm, '');
  const attempt = /\bCONCURRENTLY\b/i.test(bare)
    ? () => runAlone(database, { sql, record, index: CONCURRENT_INDEX.exec(bare)?.[1] })
    : () => runInTransaction(database, { sql, record });
  try {
    await untilLocked(path, attempt);
  } catch (error) {
    if (error instanceof SetupError) throw error;
    const line = error.position ? `:${sql.slice(0, Number(error.position)).split('\n').length}` : '';
    throw new SetupError(
      `${path}${line}: ${error.message}`,
      'The database is in the state after the last successful migration. Fix this migration and start again.',
    );
  }
}

async function runInTransaction(database, { sql, record }) {
  await database.query('BEGIN');
  try {
    await database.query(sql);
    await database.query(...record);
    await database.query('COMMIT');
  } catch (error) {
    // A lost connection has already rolled back, and its error would hide the first one.
    await database.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** CONCURRENTLY cannot run in a transaction. An interrupted attempt leaves an invalid index. */
async function runAlone(database, { sql, record, index }) {
  const name = index && quoteIdentifier(index);
  const broken = 'SELECT FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid';
  if (name && (await database.query(broken, [name])).rowCount > 0)
    await database.query(`DROP INDEX CONCURRENTLY ${name}`);
  await database.query(sql);
  await database.query(...record);
}

function sha256(text) {
  return createHash('sha256').update(text).digest('hex');
}

// Applies prisma/migrations and takes them back. The list of what is applied is Prisma's own table, kept as
// Prisma keeps it, so that either knows what the other has done (ADR 32).
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOCK_TIMEOUT_MS, untilLocked } from './locks.mjs';
import { SetupError } from './log.mjs';
import { migrationsDir } from './paths.mjs';
import { connectPostgres, quoteIdentifier } from './postgres.mjs';
import { waitUntil } from './waiting.mjs';

/** The advisory lock of Prisma's engine: its commands and ours take turns. */
const PRISMA_LOCK_KEY = 72_707_369;
const TURN_TIMEOUT_MS = 600_000;
const CONCURRENT_INDEX = /CREATE (?:UNIQUE )?INDEX CONCURRENTLY (?:IF NOT EXISTS )?"?(\w+)"?/i;
const IN_PRISMAS_WORDS = `CREATE TABLE _prisma_migrations (
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
 * Applies what is not applied yet, in the order of the names. Returns those names.
 * @throws SetupError where a migration fails, was edited since it was applied, or was left half done by Prisma
 */
export function applyMigrations(url) {
  return takingTurns(url, async (database) => {
    const pending = await pendingMigrations(database);
    for (const migration of pending)
      await run(database, { ...migration, path: pathOf(migration.name), record: recordApplied(migration) });
    return pending.map(({ name }) => name);
  });
}

/** Runs down.sql of the newest applied migration and forgets that migration. Returns its name. */
export function revertNewestMigration(url) {
  return takingTurns(url, async (database) => {
    const name = (await appliedMigrations(database)).map((row) => row.name).at(-1);
    if (!name) return undefined;
    const path = pathOf(name, 'down.sql');
    if (!existsSync(path)) throw new SetupError(`Migration ${name} has no way back.`, `Write ${path}.`);
    const record = ['DELETE FROM _prisma_migrations WHERE migration_name = $1', [name]];
    await run(database, { path, sql: readFileSync(path, 'utf8'), record });
    return name;
  });
}

/** On a connection of its own, whose end gives the turn back, too. */
async function takingTurns(url, act) {
  const database = await connectPostgres(url);
  try {
    // Asked for again and again: one that waits for the lock holds a snapshot, for which CREATE INDEX
    // CONCURRENTLY of the one that has it would wait.
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
    "Which one: SELECT a.* FROM pg_locks JOIN pg_stat_activity a USING (pid) WHERE locktype = 'advisory'",
  );
}

async function pendingMigrations(database) {
  const applied = await appliedMigrations(database);
  const names = readdirSync(migrationsDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
  const migrations = names.map((name) => ({ name, sql: readFileSync(pathOf(name), 'utf8') }));
  for (const row of applied) requireSame(row, migrations.find(({ name }) => name === row.name));
  const isPending = ({ name }) => !applied.some((row) => row.name === name);
  return migrations.filter(isPending);
}

/** Name and checksum of each, in the order of the names; makes the list where there is none. */
async function appliedMigrations(database) {
  const { rows: tables } = await database.query(
    `SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace`,
  );
  if (!tables.some(({ name }) => name === '_prisma_migrations')) {
    if (tables.length > 0)
      throw new SetupError(
        `The database holds tables that are not ours: ${tables.map(({ name }) => name).join(', ')}.`,
        'Name an empty database, or mark what is there: npm run db -- prisma migrate resolve --applied NAME',
      );
    await database.query(IN_PRISMAS_WORDS);
  }
  const { rows } = await database.query(
    `SELECT migration_name AS name, checksum, logs, finished_at IS NOT NULL AS is_finished FROM _prisma_migrations
     WHERE rolled_back_at IS NULL ORDER BY migration_name COLLATE "C"`,
  );
  const unfinished = rows.find((row) => !row.is_finished);
  if (!unfinished) return rows;
  const { name, logs } = unfinished;
  throw new SetupError(
    `Prisma began migration ${name} and did not finish it: ${logs ?? 'it was interrupted'}`,
    `See whether its changes are there, then: npm run db -- prisma migrate resolve --applied ${name} (or --rolled-back)`,
  );
}

/** A migration that is not in the folder is of a newer release, whose way back is still to be gone. */
function requireSame({ name, checksum }, migration) {
  if (!migration) return;
  const { sql } = migration;
  const lineEnds = [sql, sql.replaceAll('\r\n', '\n'), sql.replaceAll(/\r?\n/g, '\r\n')];
  if (lineEnds.some((text) => sha256(text) === checksum)) return;
  throw new SetupError(
    `Migration ${name} was edited after it had been applied.`,
    `Put ${pathOf(name)} back, and make the change a migration of its own. Where only comments differ: UPDATE _prisma_migrations SET checksum = '${sha256(sql)}' WHERE migration_name = '${name}'`,
  );
}

function recordApplied({ name, sql }) {
  return [
    `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
     VALUES ($1, $2, $3, statement_timestamp(), statement_timestamp(), 1)`,
    [randomUUID(), sha256(sql), name],
  ];
}

/** The script and its record, both or neither; what a lock stopped is tried again (locks.mjs). */
async function run(database, { path, sql, record }) {
  const isConcurrent = /\bCONCURRENTLY\b/i.test(withoutComments(sql));
  try {
    await untilLocked(path, () => (isConcurrent ? runBare : runInTransaction)(database, sql, record));
  } catch (error) {
    if (error instanceof SetupError) throw error;
    const line = error.position ? `:${sql.slice(0, Number(error.position)).split('\n').length}` : '';
    throw new SetupError(
      `${path}${line}: ${error.message}`,
      'The database is as the last migration that succeeded has left it. Mend this one, and start again.',
    );
  }
}

async function runInTransaction(database, sql, record) {
  await database.query('BEGIN');
  try {
    await database.query(sql);
    await database.query(...record);
    await database.query('COMMIT');
  } catch (error) {
    await database.query('ROLLBACK');
    throw error;
  }
}

/** CONCURRENTLY is possible in no transaction, and a try that failed leaves an index that is not valid. */
async function runBare(database, sql, record) {
  const index = CONCURRENT_INDEX.exec(withoutComments(sql))?.[1];
  const isInvalid = 'SELECT FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid';
  if (index && (await database.query(isInvalid, [quoteIdentifier(index)])).rowCount > 0)
    await database.query(`DROP INDEX CONCURRENTLY ${quoteIdentifier(index)}`);
  await database.query(sql);
  await database.query(...record);
}

function withoutComments(sql) {
  return sql.replaceAll(/--.*$/gm, '');
}

function sha256(text) {
  return createHash('sha256').update(text).digest('hex');
}

function pathOf(name, file = 'migration.sql') {
  return join(migrationsDir, name, file);
}

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { untilLocked, withLockTimeout } from './locks.mjs';
import { SetupError } from './log.mjs';
import { migrationsDir } from './paths.mjs';
import { connectPostgres } from './postgres.mjs';

/**
 * Runs down.sql of the newest applied migration and forgets that migration, both or neither. Returns its
 * name.
 */
export function revertNewestMigration(url) {
  return untilLocked('going back', () => revertOnce(withLockTimeout(url)));
}

async function revertOnce(url) {
  const database = await connectPostgres(url);
  try {
    await database.query('BEGIN');
    const name = await newestMigration(database);
    if (name) await revert(database, name);
    await database.query('COMMIT');
    return name;
  } finally {
    // Ends the transaction too, when it is still open.
    await database.end();
  }
}

async function newestMigration(database) {
  const {
    rows: [table],
  } = await database.query(`SELECT to_regclass('_prisma_migrations') IS NOT NULL AS exists`);
  if (!table.exists) return undefined;
  const { rows } = await database.query(
    `SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL
     ORDER BY migration_name DESC LIMIT 1 FOR UPDATE`,
  );
  return rows[0]?.migration_name;
}

async function revert(database, name) {
  const path = join(migrationsDir, name, 'down.sql');
  if (!existsSync(path)) throw new SetupError(`Migration ${name} has no way back.`, `Write ${path}.`);
  await database.query(readFileSync(path, 'utf8'));
  await database.query('DELETE FROM _prisma_migrations WHERE migration_name = $1', [name]);
}

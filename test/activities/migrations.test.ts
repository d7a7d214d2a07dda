/** Each migration goes up, has a way back, and goes up again (spec 13); and the schema that Prisma knows is that of the database. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { freshDatabase, type FreshDatabase } from '../support/database';
import { schemaOf } from '../support/schemaOf';

const PROJECT = join(__dirname, '../..');
const MIGRATIONS = join(PROJECT, 'prisma/migrations');
const names = readdirSync(MIGRATIONS, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name).sort();
const sqlOf = (name: string, file: 'migration.sql' | 'down.sql'): string => readFileSync(join(MIGRATIONS, name, file), 'utf8');

let database: FreshDatabase;
let migrated: string[];
let client: Client;
beforeAll(async () => {
  database = await freshDatabase();
  client = new Client({ connectionString: database.ownerUrl });
  await client.connect();
  migrated = await schemaOf(client);
});
afterAll(async () => {
  await client.end();
  await database.close();
});
beforeEach(() => client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public'));

describe('each migration', () => {
  test('there is one, and each has a way back', () => {
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(sqlOf(name, 'down.sql').trim()).not.toBe('');
  });

  test('goes up, down and up again, and down leaves what was before', async () => {
    for (const name of names) {
      const before = await schemaOf(client);
      await client.query(sqlOf(name, 'migration.sql'));
      const after = await schemaOf(client);
      expect(after).not.toEqual(before);
      await client.query(sqlOf(name, 'down.sql'));
      expect(await schemaOf(client)).toEqual(before);
      await client.query(sqlOf(name, 'migration.sql'));
      expect(await schemaOf(client)).toEqual(after);
    }
    expect(await schemaOf(client)).toEqual(migrated);
  });

  test('all go back to nothing, the newest first', async () => {
    const empty = await schemaOf(client);
    for (const name of names) await client.query(sqlOf(name, 'migration.sql'));
    for (const name of [...names].reverse()) await client.query(sqlOf(name, 'down.sql'));
    expect(await schemaOf(client)).toEqual(empty);
  });
});

describe('the commands', () => {
  const run = promisify(execFile);
  const command = (...args: string[]) => run(process.execPath, ['scripts/database.mjs', ...args], { cwd: PROJECT, env: { ...process.env, MIGRATE_DATABASE_URL: database.ownerUrl } });

  test('npm run db:migrate and npm run db:down do it, and remember', async () => {
    const applied = async (): Promise<string[]> => (await client.query<{ migration_name: string }>('SELECT migration_name FROM _prisma_migrations ORDER BY 1')).rows.map((row) => row.migration_name);
    await command('migrate');
    expect(await applied()).toEqual(names);
    expect(await schemaOf(client)).toEqual(migrated);
    await command('down');
    expect(await applied()).toEqual(names.slice(0, -1));
    await command('migrate');
    expect(await applied()).toEqual(names);
    expect(await schemaOf(client)).toEqual(migrated);
  }, 60_000);

  /** What would have to be done to the database to make it what schema.prisma says. Prisma looks past partial indexes, checks, partitions and grants: the tests of the invariants hold those. */
  async function differences(): Promise<string[]> {
    const { stdout } = await command('prisma', 'migrate', 'diff', '--from-config-datasource', '--to-schema', 'prisma/schema.prisma', '--script');
    return stdout.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('--'));
  }

  test('prisma/schema.prisma says what the migrations make', async () => {
    for (const name of names) await client.query(sqlOf(name, 'migration.sql'));
    expect(await differences()).toEqual([]);
    await client.query('ALTER TABLE drivers ADD COLUMN shoe_size int');
    expect((await differences()).join(' ')).toContain('shoe_size'); // so it does look
  }, 60_000);
});

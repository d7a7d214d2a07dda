/**
 * Each migration goes up, has a way back, and goes up again (docs/behaviour.md#operations); and the schema
 * that Prisma knows is that of the database.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { freshDatabase, type FreshDatabase } from '../support/database';
import { unsafeIn } from '../support/migrationRules';
import { schemaOf } from '../support/schemaOf';

const PROJECT = join(__dirname, '../..');
const MIGRATIONS = join(PROJECT, 'prisma/migrations');
const names = readdirSync(MIGRATIONS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();
const sqlOf = (name: string, file: 'migration.sql' | 'down.sql'): string =>
  readFileSync(join(MIGRATIONS, name, file), 'utf8');

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

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

/** Checksums of released migrations: databases refuse a changed text (ADR 27). Each release adds its own. */
const RELEASED: Readonly<Record<string, string>> = {
  '20261122090000_foundation': 'aacea11dcae9a713e8ea19e3c6f6436fb5623a873b5de6d9de7cad9fa7692e97',
  '20261122120000_outbox_order': '1149f2ea0b4773d85aeb682e7abc51dcf9583ff1a27b2adc8712149aa1bac642',
  '20261123090000_operations': '4c7086f3387a59ab2198969bac74a54d6ac1858892581eb949ec2f23ff362dc9',
  '20261123150000_city_silence': 'aae441e758ab75998d04d4dd932ceff4a0e4ca0771e7a93eb5a63acdd1544e4b',
  '20261123160000_meeting_points': '18ad24608ebf006c77e5391e6014c021d7d554ad80e5e706fa83f4b9657a8499',
  '20261125020000_growing_tables': '008d7df8aa86f5ec8f1cfd166f8ce08f97beed6ca137264d908ffee40a33b025',
};

describe('the migrations', () => {
  test('keep their released text, comments included', () => {
    const checksums = Object.keys(RELEASED).map((name) => [name, sha256(sqlOf(name, 'migration.sql'))]);
    expect(Object.fromEntries(checksums)).toEqual(RELEASED);
  });

  test('each have a down migration', () => {
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(sqlOf(name, 'down.sql').trim()).not.toBe('');
  });

  test('go up, down and up again, and down restores the previous schema', async () => {
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

  test('all revert, newest first', async () => {
    const empty = await schemaOf(client);
    for (const name of names) await client.query(sqlOf(name, 'migration.sql'));
    for (const name of [...names].reverse()) await client.query(sqlOf(name, 'down.sql'));
    expect(await schemaOf(client)).toEqual(empty);
  });
});

/** Those before were made before there was a rule; docs/upgrading.md says what they lock. */
const LAST_WITHOUT_RULES = '20261125020000_growing_tables';

describe('a migration under load', () => {
  test('locks no table for long and removes nothing', () => {
    expect(
      names
        .filter((name) => name > LAST_WITHOUT_RULES)
        .flatMap((name) => unsafeIn(sqlOf(name, 'migration.sql')).map((problem) => `${name}: ${problem}`)),
    ).toEqual([]);
  });

  test.each([
    ['CREATE INDEX "a" ON "offers" ("x");', /CONCURRENTLY/],
    ['-- why\nCREATE UNIQUE INDEX a ON offers (x)', /CONCURRENTLY/],
    ['CREATE INDEX CONCURRENTLY a ON offers (x);', /IF NOT EXISTS/],
    ['CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON offers (x); SELECT 1;', /of its own/],
    ['ALTER TABLE "offers" ADD CONSTRAINT "c" CHECK ("x" > 0);', /NOT VALID/],
    ['ALTER TABLE offers ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES drivers (id);', /NOT VALID/],
    ['ALTER TABLE offers ADD COLUMN x int NOT NULL;', /nullable/],
    ['ALTER TABLE offers ADD COLUMN x uuid DEFAULT gen_random_uuid();', /anew/],
    ['ALTER TABLE offers ALTER COLUMN x TYPE bigint;', /anew/],
    ['ALTER TABLE offers ALTER COLUMN x SET NOT NULL;', /under a lock/],
    ['ALTER TABLE offers DROP COLUMN x;', /only gains/],
    ['ALTER TABLE offers RENAME COLUMN x TO y;', /only gains/],
    ['BEGIN; SELECT 1; COMMIT;', /one transaction/],
  ])('may not contain: %s', (sql, why) => {
    expect(unsafeIn(sql).join()).toMatch(why);
  });

  test.each([
    'CREATE INDEX CONCURRENTLY IF NOT EXISTS "a" ON "offers" ("x"); -- why',
    'ALTER TABLE "offers" ADD COLUMN "x" INTEGER NOT NULL DEFAULT 0, ADD COLUMN "y" TEXT;',
    'CREATE TABLE "t" ("x" int NOT NULL); CREATE INDEX "i" ON "t" ("x"); ' +
      'ALTER TABLE "t" ADD CONSTRAINT "f" FOREIGN KEY ("x") REFERENCES "offers" ("id");',
    'ALTER TABLE "offers" ADD CONSTRAINT "c" CHECK ("x" > 0) NOT VALID;',
    "COMMENT ON TABLE offers IS 'we DROP COLUMN nothing; ever';",
    'ALTER TABLE offers VALIDATE CONSTRAINT c;',
  ])('may contain: %s', (sql) => {
    expect(unsafeIn(sql)).toEqual([]);
  });
});

describe('the commands', () => {
  const run = promisify(execFile);
  const command = (...args: string[]) =>
    run(process.execPath, ['scripts/database.mjs', ...args], {
      cwd: PROJECT,
      env: { ...process.env, MIGRATE_DATABASE_URL: database.ownerUrl },
    });

  test('npm run db -- migrate and down apply, revert and record migrations', async () => {
    const applied = async (): Promise<string[]> =>
      (
        await client.query<{ migration_name: string }>(
          'SELECT migration_name FROM _prisma_migrations ORDER BY 1',
        )
      ).rows.map((row) => row.migration_name);
    await command('migrate');
    expect(await applied()).toEqual(names);
    expect(await schemaOf(client)).toEqual(migrated);
    await command('down');
    expect(await applied()).toEqual(names.slice(0, -1));
    await command('migrate');
    expect(await applied()).toEqual(names);
    expect(await schemaOf(client)).toEqual(migrated);
  }, 60_000);

  test('npm run db -- migrate and down give up on table locks quickly and retry until they succeed', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'migrations-'));
    cpSync(MIGRATIONS, dir, { recursive: true });
    const added = {
      '29990101000001_column': [
        'ALTER TABLE "offers" ADD COLUMN "x" INTEGER;',
        'ALTER TABLE "offers" DROP COLUMN "x";',
      ],
      '29990101000002_index': ['CREATE INDEX CONCURRENTLY "xs" ON "offers" ("x");', 'DROP INDEX "xs";'],
    };
    for (const [name, [up = '', down = '']] of Object.entries(added)) {
      mkdirSync(join(dir, name));
      writeFileSync(join(dir, name, 'migration.sql'), up);
      writeFileSync(join(dir, name, 'down.sql'), down);
    }
    process.env.MIGRATIONS_DIR = dir;
    const report = new Client({ connectionString: database.ownerUrl });
    try {
      await command('migrate');
      await report.connect();
      await command('down');
      for (const way of ['down', 'migrate']) {
        await report.query('BEGIN; SELECT count(*) FROM "offers"');
        const done = command(way);
        const longestMs = await longestInsertWait(done, () => report.query('COMMIT'));
        await done;
        // 500 ms, and what a busy machine adds; without a time-out it would be all of the 4 s
        expect(longestMs).toBeLessThan(1_500);
      }
      expect((await client.query(`SELECT 1 FROM pg_index WHERE NOT indisvalid`)).rowCount).toBe(0);
      expect((await client.query(`SELECT 1 FROM pg_indexes WHERE indexname = 'xs'`)).rowCount).toBe(1);
    } finally {
      delete process.env.MIGRATIONS_DIR;
      await report.end();
      rmSync(dir, { recursive: true, force: true });
    }
  }, 120_000);

  /**
   * Asks for the lock of a write again and again, as the service would, while `done` is under way; `release`
   * frees the table after 4 s.
   */
  async function longestInsertWait(done: Promise<unknown>, release: () => Promise<unknown>): Promise<number> {
    const over = new AbortController();
    void done.catch(() => undefined).finally(() => over.abort());
    const freed = new Promise((resolve) => setTimeout(resolve, 4_000)).then(release);
    let longestMs = 0;
    while (!over.signal.aborted) {
      const startedAt = Date.now();
      await client.query('BEGIN; LOCK TABLE "offers" IN ROW EXCLUSIVE MODE; COMMIT');
      longestMs = Math.max(longestMs, Date.now() - startedAt);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await freed;
    return longestMs;
  }

  /**
   * What would have to be done to the database to make it what schema.prisma says. Prisma looks past partial
   * indexes, checks, partitions and grants: the tests of the invariants hold those.
   */
  async function differences(): Promise<string[]> {
    const { stdout } = await command(
      'prisma',
      'migrate',
      'diff',
      '--from-config-datasource',
      '--to-schema',
      'prisma/schema.prisma',
      '--script',
    );
    return stdout.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('--'));
  }

  test('prisma/schema.prisma matches the migrated schema', async () => {
    for (const name of names) await client.query(sqlOf(name, 'migration.sql'));
    expect(await differences()).toEqual([]);
    await client.query('ALTER TABLE drivers ADD COLUMN shoe_size int');
    expect((await differences()).join(' ')).toContain('shoe_size'); // so it does look
  }, 60_000);
});

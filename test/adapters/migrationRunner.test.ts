/** `npm run db -- migrate` and `down` beside Prisma's own commands, on Prisma's own list of migrations. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { freshDatabase, type FreshDatabase } from '../support/database';
import { schemaOf } from '../support/schemaOf';

const PROJECT = join(__dirname, '../..');
const MIGRATIONS = join(PROJECT, 'prisma/migrations');
const run = promisify(execFile);

type Listed = { name: string; isFinished: boolean; isRolledBack: boolean };

let database: FreshDatabase;
let client: Client;
let migrated: string[];
/** A copy of prisma/migrations, to add to and to spoil. */
let dir: string;
let names: string[];

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
beforeEach(async () => {
  await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  dir = mkdtempSync(join(tmpdir(), 'migrations-'));
  cpSync(MIGRATIONS, dir, { recursive: true });
  names = readdirSync(dir)
    .filter((name) => /^\d/.test(name))
    .sort();
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** What it said; rejects with that where it fails. */
async function command(...args: string[]): Promise<string> {
  const { stdout, stderr } = await run(process.execPath, ['scripts/database.mjs', ...args], {
    cwd: PROJECT,
    env: { ...process.env, MIGRATE_DATABASE_URL: database.ownerUrl, MIGRATIONS_DIR: dir },
  });
  return `${stdout}${stderr}`;
}

function write(name: string, sql: string): void {
  mkdirSync(join(dir, name), { recursive: true });
  writeFileSync(join(dir, name, 'migration.sql'), sql);
}

function edit(name: string, change: (sql: string) => string): void {
  write(name, change(readFileSync(join(dir, name, 'migration.sql'), 'utf8')));
}

async function listed(): Promise<Listed[]> {
  const { rows } = await client.query<Listed>(
    `SELECT migration_name AS name, finished_at IS NOT NULL AS "isFinished",
       rolled_back_at IS NOT NULL AS "isRolledBack"
     FROM _prisma_migrations ORDER BY migration_name, started_at`,
  );
  return rows;
}

const applied = (name: string): Listed => ({ name, isFinished: true, isRolledBack: false });

describe('two starters at the same instant', () => {
  test('apply each migration once; who waits holds up no index built CONCURRENTLY', async () => {
    const added = ['29990101000001_slow', '29990101000002_index'];
    write(added[0] ?? '', 'SELECT pg_sleep(2); CREATE TABLE "slow" ("x" int);');
    write(added[1] ?? '', 'CREATE INDEX CONCURRENTLY "xs" ON "slow" ("x");');
    const said = await Promise.all([command('migrate'), command('migrate')]);
    expect(said.filter((words) => words.includes('applied')).length).toBe(1);
    expect(said.filter((words) => words.includes('up to date')).length).toBe(1);
    expect(said.join()).not.toContain('is locked');
    expect(await listed()).toEqual([...names, ...added].map(applied));
  });

  test('wait for Prisma, too', async () => {
    const prisma = new Client({ connectionString: database.ownerUrl });
    await prisma.connect();
    await prisma.query('SELECT pg_advisory_lock(72707369)');
    const over = new AbortController();
    const done = command('migrate').finally(() => over.abort());
    try {
      while (!over.signal.aborted && !(await isAskingForItsTurn())) await new Promise(setImmediate);
      expect(over.signal.aborted).toBe(false);
      expect(await schemaOf(client)).not.toEqual(migrated);
    } finally {
      await prisma.end();
    }
    expect(await done).toContain('applied');
  });

  async function isAskingForItsTurn(): Promise<boolean> {
    const { rowCount } = await client.query(
      `SELECT 1 FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%advisory_lock%'`,
    );
    return rowCount !== 0;
  }
});

describe('a migration that was edited after it had been applied', () => {
  test('is refused by name, and nothing is applied after it', async () => {
    await command('migrate');
    const [name = ''] = names;
    edit(name, (sql) => `${sql}-- a word more\n`);
    write('29990101000001_next', 'CREATE TABLE "next" ("x" int);');
    await expect(command('migrate')).rejects.toThrow(`Migration ${name} was edited`);
    expect(await listed()).toEqual(names.map(applied));
  });

  test('is none where only the ends of the lines differ', async () => {
    await command('migrate');
    for (const name of names) edit(name, (sql) => sql.replaceAll('\n', '\r\n'));
    expect(await command('migrate')).toContain('up to date');
  });
});

describe('a migration that fails', () => {
  test('says where and why, leaves nothing, and can be repeated', async () => {
    const name = '29990101000001_fails';
    write(name, '-- why\nCREATE TABLE "t" ("x" int);\nALTER TABLE "offers" ADD COLUMN "y" nonsense;\n');
    await expect(command('migrate')).rejects.toThrow(
      new RegExp(`${name}/migration.sql:3: type "nonsense" does not exist`),
    );
    expect(await schemaOf(client)).toEqual(migrated);
    expect(await listed()).toEqual(names.map(applied));
    edit(name, (sql) => sql.replace('nonsense', 'int'));
    expect(await command('migrate')).toContain(`applied ${name}`);
  });

  test('and one that cannot be recorded is undone', async () => {
    await command('migrate');
    const name = '29990101000001_unrecorded';
    write(name, 'CREATE TABLE "t" ("x" int);');
    await client.query(`ALTER TABLE _prisma_migrations ADD CHECK (migration_name <> '${name}')`);
    await expect(command('migrate')).rejects.toThrow('violates check constraint');
    expect(await schemaOf(client)).toEqual(migrated);
  });

  test('and a down.sql that fails changes nothing', async () => {
    await command('migrate');
    const newest = names.at(-1) ?? '';
    const down = join(dir, newest, 'down.sql');
    const good = readFileSync(down, 'utf8');
    writeFileSync(down, `${good}DROP TABLE "none";`);
    await expect(command('down')).rejects.toThrow('table "none" does not exist');
    expect(await schemaOf(client)).toEqual(migrated);
    expect(await listed()).toEqual(names.map(applied));
    writeFileSync(down, good);
    await command('down');
    expect(await listed()).toEqual(names.slice(0, -1).map(applied));
  });
});

describe('a database that Prisma has migrated', () => {
  test('is found up to date, goes on from there, and stays one that Prisma understands', async () => {
    const newest = names.at(-1) ?? '';
    rmSync(join(dir, newest), { recursive: true });
    await command('prisma', 'migrate', 'deploy');
    expect(await command('migrate')).toContain('up to date');
    cpSync(join(MIGRATIONS, newest), join(dir, newest), { recursive: true });
    expect(await command('migrate')).toContain(`applied ${newest}`);
    expect(await command('prisma', 'migrate', 'status')).toContain('Database schema is up to date');
    expect(await schemaOf(client)).toEqual(migrated);
    expect(await listed()).toEqual(names.map(applied));
  }, 60_000);

  test('and whose last one it left unfinished is refused by name, until a person has looked', async () => {
    await command('migrate');
    const name = '29990101000001_unfinished';
    write(name, 'CREATE TABLE "t" ("x" int);');
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('1', 'x', '${name}')`,
    );
    await expect(command('migrate')).rejects.toThrow(`Prisma began migration ${name}`);
    await command('prisma', 'migrate', 'resolve', '--rolled-back', name);
    expect(await command('migrate')).toContain(`applied ${name}`);
    expect(await listed()).toEqual([
      ...names.map(applied),
      { name, isFinished: false, isRolledBack: true },
      applied(name),
    ]);
  }, 60_000);
});

test('a database with tables of somebody else is left alone', async () => {
  await client.query('CREATE TABLE "blog_posts" ("id" int)');
  await expect(command('migrate')).rejects.toThrow('tables that no migration created: blog_posts');
  expect((await client.query(`SELECT 1 FROM pg_tables WHERE schemaname = 'public'`)).rowCount).toBe(1);
});

/**
 * npm run bench -- plans [--deliveries 1000000] [--times 100] [--as-if-large] [--without INDEX]…
 *                        [--only TEXT]
 *
 * Seeds its own database with deliveries over a year, one in a hundred of them open, and all related rows.
 * Then runs every operation of API and worker on PostgreSQL, through their own functions and with other ids
 * each time. It records each statement, inspects its executed plan (EXPLAIN ANALYZE), and times it. Code that
 * sends statements but was not reached (an endpoint, a query parameter, a call site) is listed and fails the
 * run. The database is dropped at the end. A table goes to stderr, one line of JSON to stdout.
 *
 *   --as-if-large   plan without sequential scans where there is an alternative: PostgreSQL rightly scans a small
 *                   table, and this shows the plan for a large one
 *   --without       drop an index first, to see what it is for
 *   --only          run operations with this text in their name, and do not list unreached code
 *
 * Exit code: 0 = no growing table scanned whole, every p99 under a second, no code unreached; 1 = a goal was
 * missed; 2 = invalid arguments.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { connectPostgres } from '../../adapters/postgres/database';
import { readSettings } from '../../settings';
import { countOf, UsageError } from '../../simulator/kit/arguments';
import { log, runProgram } from '../../simulator/kit/program';
import { machine } from '../machine';
import { ApiCaller, type Call } from './calls';
import { CallSites } from './callSites';
import { createDraw, type Draw } from './draw';
import { type CallFigures, figuresOf, measure, table } from './figures';
import { markIngestUp, syncDrivers } from './liveDrivers';
import { orderCalls } from './orderCalls';
import { orderChangeCalls } from './orderChangeCalls';
import { profileCalls, rareSweepCalls, stateCalls } from './profileCalls';
import { readCalls } from './reads';
import { openOf, type Seed, seedAll } from './seed';
import { StatementWatch } from './statements';
import { tripCalls } from './tripCalls';
import { auditCalls, driverCalls, eventCalls, outboxCalls, sweepCalls } from './workerCalls';
import { createWorld } from './world';
import { writeCalls } from './writes';

const DATABASE = 'plans_bench';
const KEYS = 'plans-bench:';
const MAX_P99_MS = 1_000;

type Options = { deliveries: number; times: number; asIfLarge: boolean; without: string[]; only: string };

function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    strict: true,
    options: {
      deliveries: { type: 'string', default: '1000000' },
      times: { type: 'string', default: '100' },
      'as-if-large': { type: 'boolean', default: false },
      without: { type: 'string', multiple: true, default: [] },
      only: { type: 'string', default: '' },
    },
  });
  return {
    deliveries: countOf('--deliveries', values.deliveries, { min: 20_000, max: 100_000_000 }),
    times: countOf('--times', values.times, { min: 1, max: 10_000 }),
    asIfLarge: values['as-if-large'],
    without: values.without,
    only: values.only,
  };
}

function variable(name: string): string {
  const given = process.env[name];
  if (given === undefined) throw new UsageError(`${name} is not set: run this with npm run bench -- plans`);
  return given;
}

function urlOf(name: string, database: string): string {
  const url = new URL(variable(name));
  url.pathname = `/${database}`;
  return url.href;
}

async function main(signal: AbortSignal): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const template = new URL(variable('MIGRATE_DATABASE_URL')).pathname.slice(1);
  const server = urlOf('MIGRATE_DATABASE_URL', 'postgres');
  const drop = `DROP DATABASE IF EXISTS ${DATABASE} WITH (FORCE)`;
  const redis = new Redis(variable('REDIS_URL'));
  await asOwner(server, async (owner) => {
    await owner.query(drop);
    await owner.query(`CREATE DATABASE ${DATABASE} TEMPLATE "${template}"`);
  });
  try {
    return await judge(options, redis, signal);
  } finally {
    const left = await redis.keys(`${KEYS}*`);
    if (left.length > 0) await redis.unlink(...left);
    await redis.quit();
    await asOwner(server, (owner) => owner.query(drop));
  }
}

async function asOwner<T>(url: string, act: (owner: Client) => Promise<T>): Promise<T> {
  const owner = new Client({ connectionString: url, application_name: 'plans bench' });
  await owner.connect();
  try {
    return await act(owner);
  } finally {
    await owner.end();
  }
}

async function judge(
  { deliveries, times, asIfLarge, without, only }: Options,
  redis: Redis,
  signal: AbortSignal,
): Promise<number> {
  const seed: Seed = { deliveries, now: Date.now() };
  const { draw, sizes, ...seeded } = await asOwner(urlOf('MIGRATE_DATABASE_URL', DATABASE), (owner) =>
    seedDatabase(owner, seed, { without, asIfLarge }),
  );
  const sites = await CallSites.watch(join(__dirname, '../..'));
  const watch = new StatementWatch(sizes);
  const { figures, missed, failed } = await measureAll(watch, redis, { draw, times, only }, signal);
  watch.stop();
  const { all, missed: missedSites } = await sites.missed();
  const leftOut = only === '' ? [...missed, ...missedSites] : [];
  const slow = figures.filter(({ p99Ms }) => p99Ms > MAX_P99_MS).map(({ call }) => call);
  const whole = figures.filter((each) => each.whole.length > 0).map(({ call }) => call);
  log(table(figures));
  for (const each of failed) log(`failed: ${each}`);
  for (const each of leftOut) log(`left out: ${each}`);
  const statements = new Set(figures.flatMap(({ texts }) => texts)).size;
  log(`${figures.length} calls, ${statements} kinds of statements from ${all} call sites`);
  log(
    `${whole.length} scan a growing table whole, ${slow.length} were slow, ${leftOut.length} were left out`,
  );
  const options = { deliveries, open: openOf(seed), times, asIfLarge, without, only };
  const calls = figures.map(({ texts, ...each }) => ({ ...each, statements: texts.length }));
  const results = { places: all, whole, slow, failed, leftOut, calls };
  process.stdout.write(`${JSON.stringify({ ...options, ...machine(), ...seeded, ...results })}\n`);
  return whole.length + slow.length + failed.length + leftOut.length === 0 ? 0 : 1;
}

async function seedDatabase(
  owner: Client,
  seed: Seed,
  { without, asIfLarge }: Pick<Options, 'without' | 'asIfLarge'>,
): Promise<{ draw: Draw; sizes: Map<string, number>; postgres: string; bytes: number; seedSeconds: number }> {
  const begun = Date.now();
  await seedAll(owner, seed, log);
  if (asIfLarge) await owner.query(`ALTER DATABASE ${DATABASE} SET enable_seqscan = off`);
  for (const index of without) await owner.query(`DROP INDEX "${index.replaceAll('"', '')}"`);
  const seedSeconds = Math.round((Date.now() - begun) / 1_000);
  const {
    rows: [facts],
  } = await owner.query<{ postgres: string; bytes: string }>(
    `SELECT current_setting('server_version') AS postgres, pg_database_size(current_database()) AS bytes`,
  );
  log(`seeded in ${seedSeconds} s, ${Math.round(Number(facts?.bytes) / 1e6)} MB`);
  return {
    draw: await createDraw(owner),
    sizes: await growingTables(owner),
    postgres: facts?.postgres ?? '',
    bytes: Number(facts?.bytes),
    seedSeconds,
  };
}

/** Tables that only people extend by hand, or that grow by a row a day. */
const NOT_GROWING = [
  'cities',
  'zones',
  'merchants',
  'feature_settings',
  'matching_policies',
  'city_matching',
  'audit_checks',
  '_prisma_migrations',
];

async function growingTables(owner: Client): Promise<Map<string, number>> {
  const { rows } = await owner.query<{ name: string; rows: number }>(
    `
    SELECT relname AS name, reltuples::float8 AS rows FROM pg_class WHERE relkind = 'r'
      AND relnamespace = 'public'::regnamespace AND relname <> ALL($1)`,
    [NOT_GROWING],
  );
  return new Map(rows.map(({ name, rows: count }) => [name, count]));
}

async function measureAll(
  watch: StatementWatch,
  redis: Redis,
  { draw, times, only }: { draw: Draw } & Pick<Options, 'times' | 'only'>,
  signal: AbortSignal,
): Promise<{ figures: CallFigures[]; missed: string[]; failed: string[] }> {
  // As in production, except that positions stay fresh for longer than the run takes.
  const settings = readSettings({
    DATABASE_URL: urlOf('DATABASE_URL', DATABASE),
    REDIS_URL: variable('REDIS_URL'),
    POSITION_FRESH_SECONDS: '3600',
    POSITION_OFFLINE_MINUTES: '120',
    LOST_AFTER_SILENCE_SECONDS: '3600',
    ENABLE_DRIVER_OFFERS: 'true',
    DRIVER_OFFERS_ROLLOUT: '100',
    ENABLE_AVAILABILITY_STATES: 'true',
    ENABLE_ESCALATION: 'true',
    ENABLE_AUTO_REASSIGNMENT: 'true',
  });
  // A slow statement must be reported, not cancelled.
  const postgres = connectPostgres(settings.database.url, {
    poolSize: 4,
    statementTimeoutMs: 60_000,
    applicationName: 'plans bench',
  });
  const world = createWorld({ postgres, redis, settings, keyPrefix: KEYS });
  const api = new ApiCaller(world.endpoints);
  const site = { world, api };
  try {
    await syncDrivers(world, 'all');
    await markIngestUp(world);
    const calls: Call[] = [
      ...readCalls(site, draw),
      ...outboxCalls(site),
      ...eventCalls(site, draw),
      ...driverCalls(site, draw),
      ...tripCalls(site, draw),
      ...writeCalls(site, draw),
      ...orderCalls(site, draw),
      ...orderChangeCalls(site, draw),
      ...profileCalls(site, draw),
      ...stateCalls(site, draw),
      ...sweepCalls(site, draw),
      ...rareSweepCalls(site, draw),
      ...auditCalls(site, draw),
      ...outboxCalls(site),
    ];
    const [figures, failed]: [CallFigures[], string[]] = [[], []];
    for (const each of calls.filter(({ name }) => name.includes(only))) {
      if (signal.aborted) break;
      await measure(watch, each, times).then(
        (measured) => figures.push(figuresOf(each, measured)),
        (error: unknown) => failed.push(`${each.name}: ${String(error)}`),
      );
    }
    return { figures, missed: api.missed(), failed };
  } finally {
    await postgres.db.$disconnect();
  }
}

runProgram(main);

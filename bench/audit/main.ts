/**
 * npm run bench -- audit [--rows 10000000] [--times 200] [--skip-check]
 *
 * Seeds a database of its own with audit entries over twelve months. Runs every kind of query through the API's
 * own functions, each time with other keys, inspects the plans, and runs the daily check over its share. The
 * database is dropped at the end. A table goes to stderr, one line of JSON to stdout.
 * Exit code: 0 = every p99 under a second and no partition scanned whole, 1 = not so, 2 = wrong arguments.
 */
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { createAuditChains } from '../../adapters/postgres/auditChains';
import { connectDatabase, type Database } from '../../adapters/postgres/database';
import { createAuditCheck } from '../../activities/sweeps/auditCheck';
import { auditQuery, listAuditEntries } from '../../api/queries/audit';
import { Prisma } from '../../prisma/client/client';
import { countOf, UsageError } from '../../simulator/kit/arguments';
import { percentileOf } from '../../simulator/client/latencies';
import { log, runProgram } from '../../simulator/kit/program';
import { machine } from '../machine';
import { type QueryKind, queryKinds } from './queries';
import { monthOf, type Seed, seedEntries, seedOf } from './seed';

const DATABASE = 'audit_bench';
const MAX_P99_MS = 1_000;
const DAY_MS = 86_400_000;

type Figures = {
  query: string;
  times: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  maxMs: number;
  rows: number;
  scans: string[];
};

function readOptions(args: string[]): { rows: number; times: number; isChecking: boolean } {
  const { values } = parseArgs({
    args,
    strict: true,
    options: {
      rows: { type: 'string', default: '10000000' },
      times: { type: 'string', default: '200' },
      'skip-check': { type: 'boolean', default: false },
    },
  });
  return {
    rows: countOf('--rows', values.rows, { min: 10_000, max: 1_000_000_000 }),
    times: countOf('--times', values.times, { min: 1, max: 100_000 }),
    isChecking: !values['skip-check'],
  };
}

function urlOf(variable: string, database: string | null): string {
  const given = process.env[variable];
  if (given === undefined)
    throw new UsageError(`${variable} is not set: run this with npm run bench -- audit`);
  const url = new URL(given);
  if (database !== null) url.pathname = `/${database}`;
  return url.href;
}

async function main(signal: AbortSignal): Promise<number> {
  const { rows, times, isChecking } = readOptions(process.argv.slice(2));
  const seed = seedOf(rows, new Date());
  const service = new URL(urlOf('MIGRATE_DATABASE_URL', null)).pathname.slice(1);
  const template = urlOf('MIGRATE_DATABASE_URL', 'postgres');
  await onServer(template, async (server) => {
    await server.query(`DROP DATABASE IF EXISTS ${DATABASE} WITH (FORCE)`);
    await server.query(`CREATE DATABASE ${DATABASE} TEMPLATE "${service}"`);
  });
  const db = connectDatabase(urlOf('DATABASE_URL', DATABASE), {
    poolSize: 2,
    statementTimeoutMs: 5_000,
    applicationName: 'audit bench',
  });
  try {
    const { seedSeconds, version, bytes } = await onServer(urlOf('MIGRATE_DATABASE_URL', DATABASE), (owner) =>
      seedAll(owner, seed),
    );
    const figures: Figures[] = [];
    for (const kind of queryKinds(seed)) if (!signal.aborted) figures.push(await measure(db, kind, times));
    log(table(figures));
    const check = isChecking && !signal.aborted ? await checkShare(db, seed) : null;
    process.stdout.write(
      `${JSON.stringify({ rows, ...machine(), postgres: version, bytes, seedSeconds, check, queries: figures })}\n`,
    );
    return figures.every(({ p99Ms, scans }) => p99Ms < MAX_P99_MS && scans.length === 0) ? 0 : 1;
  } finally {
    await db.$disconnect();
    await onServer(template, (server) => server.query(`DROP DATABASE IF EXISTS ${DATABASE} WITH (FORCE)`));
  }
}

async function onServer<T>(url: string, act: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, application_name: 'audit bench' });
  await client.connect();
  try {
    return await act(client);
  } finally {
    await client.end();
  }
}

async function seedAll(
  owner: Client,
  seed: Seed,
): Promise<{ seedSeconds: number; version: string; bytes: number }> {
  const begun = performance.now();
  await seedEntries(owner, seed, log);
  const seedSeconds = Math.round((performance.now() - begun) / 1_000);
  const {
    rows: [facts],
  } = await owner.query<{ version: string; bytes: string; rows: string }>(`
    SELECT current_setting('server_version') AS version, (SELECT count(*) FROM audit_entries) AS rows,
      (SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits
        WHERE inhparent = 'audit_entries'::regclass) AS bytes`);
  log(`${facts?.rows} rows in ${seedSeconds} s, ${Math.round(Number(facts?.bytes) / 1e6)} MB with indexes`);
  return { seedSeconds, version: facts?.version ?? '', bytes: Number(facts?.bytes) };
}

/** Runs queries one at a time; the time ends when the rows are in this process. */
async function measure(db: Database, { name, draw }: QueryKind, times: number): Promise<Figures> {
  const took: number[] = [];
  let rows = 0;
  for (let time = 0; time < times; time += 1) {
    const { caller, filters, page } = draw();
    const begun = performance.now();
    rows += (await listAuditEntries(db, caller, filters, page)).length;
    took.push(performance.now() - begun);
  }
  const at = (percent: number): number => Math.round((percentileOf(took, percent) ?? 0) * 10) / 10;
  return {
    query: name,
    times,
    p50Ms: at(50),
    p95Ms: at(95),
    p99Ms: at(99),
    maxMs: at(100),
    rows: Math.round(rows / times),
    scans: await wholeScans(db, draw),
  };
}

/** The partitions that the plan scans in full, although they have rows: there must be none. */
async function wholeScans(db: Database, draw: QueryKind['draw']): Promise<string[]> {
  const { caller, filters, page } = draw();
  const plan = JSON.stringify(
    await db.$queryRaw(Prisma.sql`EXPLAIN (FORMAT JSON) ${auditQuery(caller, filters, page)}`),
  );
  const scanned = [
    ...plan.matchAll(/"Node Type":"(?:Parallel )?Seq Scan"[^{}]*?"Relation Name":"(audit_entries\w*)"/g),
  ].map(([, relation = '']) => relation);
  const filled = await db.$queryRaw<
    { name: string }[]
  >`SELECT relname AS name FROM pg_class WHERE relname = ANY(${scanned}::text[]) AND reltuples > 0`;
  return filled.map(({ name }) => name);
}

/**
 * The daily check over the last day's chains and a day's share of the rest. Seeded hashes are invalid, so it
 * reports one problem per entry.
 */
async function checkShare(
  db: Database,
  seed: Seed,
): Promise<{
  seconds: number;
  chains: number;
  entries: number;
  entriesPerSecond: number;
  mostMemoryMb: number;
}> {
  const end = monthOf(seed, seed.months).getTime();
  await db.auditCheck.create({
    data: {
      startedAt: new Date(end - DAY_MS),
      finishedAt: new Date(end),
      checkedTo: new Date(end - DAY_MS),
      problems: { count: 0, named: [] },
    },
  });
  const begun = performance.now();
  let mostMemory = 0;
  const beat = (): void => void (mostMemory = Math.max(mostMemory, process.memoryUsage().rss));
  const { chains, entries } = await createAuditCheck({
    chains: createAuditChains(db),
    clock: () => end,
    resumeFrom: () => undefined,
    beat,
    onReport: () => {},
  })();
  const seconds = Math.round((performance.now() - begun) / 1_000);
  const memoryMb = Math.round(mostMemory / 1e6);
  log(`the daily check: ${entries} entries of ${chains} chains in ${seconds} s, at most ${memoryMb} MB`);
  return {
    seconds,
    chains,
    entries,
    entriesPerSecond: Math.round(entries / Math.max(1, seconds)),
    mostMemoryMb: Math.round(mostMemory / 1e6),
  };
}

function table(figures: readonly Figures[]): string {
  const row = (cells: readonly (string | number)[]): string =>
    cells.map((cell, at) => (at === 0 ? String(cell).padEnd(34) : String(cell).padStart(9))).join('');
  return [
    '',
    row(['query', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms', 'rows']),
    ...figures.map(
      ({ query, p50Ms, p95Ms, p99Ms, maxMs, rows, scans }) =>
        `${row([query, p50Ms, p95Ms, p99Ms, maxMs, rows])}${scans.length > 0 ? `  scans ${scans.join(', ')}` : ''}`,
    ),
    '',
  ].join('\n');
}

runProgram(main);

/**
 * npm run verify -- races [--times 500] [--only NAME] [--slots N] [--seed TEXT] [--kill-worker [--kills N]]
 *
 * Races competing requests through a worker and an API that it starts on the given PostgreSQL, Redis and
 * Temporal. After each race it compares PostgreSQL, the workflow and the HTTP responses. A table goes to
 * stderr, one line of JSON to stdout.
 * Exit code: 0 = all consistent; 1 = a contradiction, listed on stderr; 2 = invalid arguments or settings.
 */
import { parseArgs } from 'node:util';
import { countOf, UsageError } from '../../simulator/kit/arguments';
import { connect, type Connections } from '../../simulator/client/connections';
import { readInspectorSettings } from '../../simulator/kit/environment';
import { Inspection } from '../../simulator/kit/inspection';
import { type ServiceProcess, startApi, startWorker } from '../../simulator/kit/processes';
import { log, runProgram } from '../../simulator/kit/program';
import { type Random, randomFrom } from '../../simulator/kit/random';
import { openField } from './field';
import { runKills } from './kill';
import { type Race, RACES } from './kinds';
import { type RaceReport, runRace } from './run';

type Options = { times: number; slots: number; races: readonly Race[]; kills: number; seed: string };

const RETRY_FOR_MS = 60_000;
const SETTLE_MS = 5_000;
const MAX_BROKEN_SHOWN = 50;

function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    strict: true,
    options: {
      times: { type: 'string', default: '500' },
      slots: { type: 'string', default: '10' },
      only: { type: 'string' },
      seed: { type: 'string', default: String(Date.now()) },
      'kill-worker': { type: 'boolean', default: false },
      kills: { type: 'string', default: '10' },
    },
  });
  const races = RACES.filter(({ name }) => values.only === undefined || name === values.only);
  if (races.length === 0)
    throw new UsageError(`--only must be one of ${RACES.map(({ name }) => name).join(', ')}`);
  return {
    times: countOf('--times', values.times, { min: 0, max: 1_000_000 }),
    slots: countOf('--slots', values.slots, { min: 1, max: 200 }),
    races,
    seed: values.seed,
    kills: values['kill-worker'] ? countOf('--kills', values.kills, { min: 1, max: 10_000 }) : 0,
  };
}

/** Offers on, and no rate limits. User settings are kept. */
function raceEnvironment(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ENABLE_DRIVER_OFFERS: 'true',
    DRIVER_OFFERS_ROLLOUT: '100',
    ENABLE_AVAILABILITY_STATES: 'true',
    ENABLE_AUTO_REASSIGNMENT: 'true',
    LOG_LEVEL: 'warn',
    RATE_LIMIT_PER_MINUTE: '1000000',
    RATE_LIMIT_MERCHANT_PER_MINUTE: '1000000',
    RATE_LIMIT_OPS_PER_MINUTE: '1000000',
    RATE_LIMIT_LOCATION_PER_MINUTE: '1000000',
    POSITION_FASTEST_METERS_PER_MINUTE: '10000000',
    RATE_LIMIT_AVAILABILITY_PER_MINUTE: '1000000',
    ...given,
  };
}

async function main(signal: AbortSignal): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const settings = readInspectorSettings(process.env);
  const env = raceEnvironment(process.env);
  const api = await startApi(env);
  let worker = await startWorker(env);
  const inspection = await Inspection.open(settings);
  try {
    await Promise.all([worker.ready(), api.ready()]);
    const world: World = {
      connections: connect(settings, { retryForMs: RETRY_FOR_MS, signal }),
      inspection,
      random: randomFrom(options.seed),
    };
    const reports = await runAll(world, options);
    if (options.kills > 0) {
      const killed = await runKilled(world, options, { worker, startAgain: () => startWorker(env) });
      worker = killed.worker;
      reports.push(killed.report);
    }
    return conclude(reports, options);
  } finally {
    await inspection.close();
    await Promise.all([worker.stop(), api.stop()]);
  }
}

type World = { connections: Connections; inspection: Inspection; random: Random };

async function runAll(
  { connections, inspection, random }: World,
  { races, times, slots }: Options,
): Promise<RaceReport[]> {
  const reports: RaceReport[] = [];
  for (const race of times > 0 ? races : []) {
    log(`${times} times ${race.words}`);
    const field = await openField(connections, {
      name: race.name,
      slots: Math.min(slots, times),
      offerTtlSeconds: race.offerTtlSeconds,
    });
    reports.push(await runRace({ inspection, random, field }, { race, times, settleMs: SETTLE_MS }));
    field.close();
  }
  return reports;
}

async function runKilled(
  { connections, inspection, random }: World,
  { kills, slots }: Options,
  killable: { worker: ServiceProcess; startAgain: () => Promise<ServiceProcess> },
) {
  log(`${kills} kills of the worker in mid-transaction, with ${slots} deliveries each`);
  const field = await openField(connections, { name: 'worker-killed', slots, offerTtlSeconds: null });
  const killed = await runKills({ inspection, random, field }, killable, kills);
  field.close();
  log(`${killed.report.inTransaction} of ${kills} kills hit an open transaction`);
  return killed;
}

function conclude(reports: readonly RaceReport[], { seed }: Options): number {
  const broken = reports.flatMap((report) => report.broken);
  log(table(reports));
  for (const problem of broken.slice(0, MAX_BROKEN_SHOWN)) log(`broken: ${problem}`);
  if (broken.length > MAX_BROKEN_SHOWN) log(`… and ${broken.length - MAX_BROKEN_SHOWN} more`);
  const races = reports.map((report) => ({ ...report, broken: report.broken.length }));
  process.stdout.write(`${JSON.stringify({ seed, races, broken: broken.length })}\n`);
  return broken.length === 0 ? 0 : 1;
}

function table(reports: readonly RaceReport[]): string {
  const row = (cells: readonly (string | number | null)[]): string =>
    cells.map((cell, at) => (at === 0 ? String(cell).padEnd(18) : String(cell ?? '-').padStart(9))).join('');
  const lines = reports.map(({ race, times, won, lost, broken, acceptP50Ms, acceptP99Ms, seconds }) =>
    row([race, times, won, lost, broken.length, acceptP50Ms, acceptP99Ms, seconds]),
  );
  return [
    '',
    row(['race', 'times', 'accepted', 'refused', 'broken', 'p50 ms', 'p99 ms', 'seconds']),
    ...lines,
    '',
  ].join('\n');
}

runProgram(main);

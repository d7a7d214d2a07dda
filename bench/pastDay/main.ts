/**
 * npm run bench -- past-day --city ID --day YYYY-MM-DD [--weights FILE | --policy NAME] [--seed 1]
 *
 * Reads a day of a city from the service's database (DATABASE_URL, in a read-only transaction), and plays it again in
 * simulated time: the same orders and drivers, with the standard weights of the matcher, and with other ones. Prints a
 * JSON line for what happened and for each of the two, and last what a simulation cannot know.
 *   --weights  a JSON file of what differs from the standard weights
 *   --policy   the newest version of a policy of `PUT /v2/ops/matching/policies/:name`
 *   --seed     draws who rejects or lets lapse, by the shares of that day
 * Exit code: 0 = played, 2 = wrong arguments, no such city, or no orders on that day.
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { isWithin, tunableWeights, type WeightChanges } from '../../domain/matching/policies';
import { MATCH_WEIGHTS } from '../../domain/matching/weights';
import { UsageError } from '../../simulator/kit/arguments';
import { log, runProgram } from '../../simulator/kit/program';
import { randomFrom } from '../../simulator/kit/random';
import type { PaidDay } from '../matching/day';
import { carriedOf } from '../matching/judge';
import { playDay } from '../matching/simulate';
import { happened, meanPay, type PastFigures, simulated, WORST_MINUTES } from './figures';
import { type PastRows, readPastDay, readPolicy } from './read';

type Options = {
  databaseUrl: string;
  cityId: string;
  date: string;
  weights: string | null;
  policy: string | null;
  seed: string;
};

function readOptions(args: string[], env: NodeJS.ProcessEnv): Options {
  const { values } = parseArgs({
    args,
    strict: true,
    options: {
      city: { type: 'string' },
      day: { type: 'string' },
      weights: { type: 'string' },
      policy: { type: 'string' },
      seed: { type: 'string', default: '1' },
    },
  });
  if (values.city === undefined) throw new UsageError('--city ID is required');
  if (!/^\d{4}-\d\d-\d\d$/.test(values.day ?? '') || Number.isNaN(Date.parse(values.day ?? '')))
    throw new UsageError('--day must be a date such as 2026-11-28');
  if (values.weights !== undefined && values.policy !== undefined)
    throw new UsageError('--weights and --policy exclude each other');
  if (!env.DATABASE_URL) throw new UsageError('DATABASE_URL is not set: the PostgreSQL of the service');
  return {
    databaseUrl: env.DATABASE_URL,
    cityId: values.city,
    date: values.day ?? '',
    weights: values.weights ?? null,
    policy: values.policy ?? null,
    seed: values.seed,
  };
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2), process.env);
  const rows = await readPastDay(options.databaseUrl, options);
  const other = await otherWeights(options);
  const day = judgedDay(options, rows);
  print(happened(rows));
  print(play('standard', {}, { day, rows, seed: options.seed }));
  if (other) print(play(other.name, other.changes, { day, rows, seed: options.seed }));
  for (const words of UNKNOWABLE) log(words);
  print({ assumed: { refuse: rows.refuse, lapse: rows.lapse, metersPerMinute: rows.rules.metersPerMinute } });
  return 0;
}

/** Said with every run, so that nobody takes the figures for more than they are. */
const UNKNOWABLE = [
  'Not known: who would have accepted another offer. Drivers say no and let lapse by the shares of that day.',
  'Not known: orders that never came, and drivers who would have stayed or gone home.',
  'Simulated: straight ways at one mean speed and four minutes a stop. Compare the simulated lines with each other.',
];

async function otherWeights({
  databaseUrl,
  weights,
  policy,
}: Options): Promise<{ name: string; changes: WeightChanges } | null> {
  if (policy !== null) return { name: policy, changes: await readPolicy(databaseUrl, policy) };
  if (weights === null) return null;
  return { name: weights, changes: parseWeights(await readFile(weights, 'utf8')) };
}

/** @throws UsageError for an unknown weight, or one out of its bounds */
function parseWeights(text: string): WeightChanges {
  const stored: unknown = JSON.parse(text);
  if (typeof stored !== 'object' || stored === null)
    throw new UsageError('--weights must hold a JSON object');
  const changes: WeightChanges = {};
  for (const [key, value] of Object.entries(stored)) {
    const name = tunableWeights().find((each) => each === key);
    if (name === undefined || typeof value !== 'number' || !isWithin(name, value))
      throw new UsageError(`--weights: ${key} is not a weight, or ${String(value)} is out of its bounds`);
    changes[name] = value;
  }
  return changes;
}

/** The service guarantees no pay, so none is to come. */
function judgedDay({ cityId, date }: Options, rows: PastRows): PaidDay {
  const terms = {
    targetMinutes: MATCH_WEIGHTS.targetMs / 60_000,
    worstMinutes: WORST_MINUTES,
    payOrder: meanPay(rows.orders),
    payHour: 0,
  };
  return { ...rows, name: `${cityId} ${date}`, terms };
}

function play(
  policy: string,
  changes: WeightChanges,
  { day, rows, seed }: { day: PaidDay; rows: PastRows; seed: string },
): PastFigures {
  const random = randomFrom(seed).stream(day.name);
  const { plan } = playDay(day, { ...MATCH_WEIGHTS, ...changes }, { ...rows, random });
  const carried = carriedOf(day, plan);
  return simulated(
    policy,
    {
      plan,
      clicks: carried.map(({ order, dropMinute }) => dropMinute - order.placementMinute),
      waits: carried.map(({ order, pickMinute }) => Math.max(0, pickMinute - order.readyMinute)),
    },
    rows,
  );
}

const print = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

runProgram(main);

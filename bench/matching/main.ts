/**
 * npm run bench -- matching --days DIR… [--policy matching] [--plan OUT] [--refuse 0.2] [--lapse 0.1] [--seed 1]
 *   [--beside TOOLS_DIR]
 *
 * Plays days of the Meal Delivery Routing Problem set in simulated time, with the matcher of the service. Prints a
 * JSON line a day, by the names of mdrp_evaluate.py, and last the mean, weighted by orders.
 *   --days     folders of days; each may also be a comma-separated list
 *   --plan     where the plan goes: a file for one day, a folder for several
 *   --refuse, --lapse, --seed   the shares of offers that couriers refuse or let lapse, drawn by the seed
 *   --beside   a folder with mdrp_policies.py: its policies on the same days, by python3, in the same run
 * Exit code: 0 = all plans are feasible, 1 = one is not, 2 = wrong arguments or files.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError, numberOf } from '../../simulator/kit/arguments';
import { log, runProgram } from '../../simulator/kit/program';
import { randomFrom } from '../../simulator/kit/random';
import { machine } from '../machine';
import { besideFigures } from './beside';
import { type PaidDay, readPaidDay } from './day';
import { meansOf, meansTable, planCsv, type PolicyFigures } from './figures';
import { judge } from './judge';
import { policyOf } from './policies';
import { type Answers, playDay } from './simulate';

type Options = {
  folders: string[];
  policy: string;
  plan: string | null;
  refuse: number;
  lapse: number;
  seed: string;
  beside: string | null;
};

function readOptions(args: string[]): Options {
  const { values, positionals } = parseArgs({
    args,
    strict: true,
    allowPositionals: true,
    options: {
      days: { type: 'string', multiple: true, default: [] },
      policy: { type: 'string', default: 'matching' },
      plan: { type: 'string' },
      refuse: { type: 'string', default: '0' },
      lapse: { type: 'string', default: '0' },
      seed: { type: 'string', default: '1' },
      beside: { type: 'string' },
    },
  });
  const folders = [...values.days, ...positionals].flatMap((each) => each.split(',')).filter(Boolean);
  if (folders.length === 0)
    throw new UsageError('--days DIR… is required: folders with orders.txt, couriers.txt, restaurants.txt');
  const refuse = numberOf('--refuse', values.refuse, { min: 0, max: 0.9 });
  return {
    folders,
    policy: values.policy,
    plan: values.plan ?? null,
    refuse,
    lapse: numberOf('--lapse', values.lapse, { min: 0, max: 0.9 - refuse }),
    seed: values.seed,
    beside: values.beside ?? null,
  };
}

async function main(signal: AbortSignal): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const days = await Promise.all(options.folders.map(readPaidDay));
  const figures: PolicyFigures[] = [];
  let isFeasible = true;
  for (const day of days) {
    signal.throwIfAborted();
    const played = play(day, options);
    for (const problem of played.problems) log(`infeasible: ${problem}`);
    isFeasible &&= played.problems.length === 0;
    figures.push(played.figures);
    if (options.plan !== null) await writePlan(options.plan, day, days.length, played.csv);
  }
  if (options.beside !== null) {
    const beside = await besideFigures(options.beside, options.folders, signal);
    for (const each of beside) print(each);
    figures.push(...beside);
  }
  const means = meansOf(figures);
  log(meansTable(means));
  print({ means, ...machine() });
  return isFeasible ? 0 : 1;
}

type Played = { figures: PolicyFigures; problems: string[]; csv: string };

function play(day: PaidDay, { policy, refuse, lapse, seed }: Options): Played {
  const begun = performance.now();
  const isRefusing = refuse + lapse > 0;
  const answers: Answers | null = isRefusing
    ? { refuse, lapse, random: randomFrom(seed).stream(day.name) }
    : null;
  const { plan, rounds, longestRoundMs, refused, lapsed } = playDay(
    day,
    policyOf(policy, { keepTimeToAnswer: isRefusing }),
    answers,
  );
  const { problems, figures } = judge(day, plan);
  print({
    policy,
    ...figures,
    ...(isRefusing ? { refused, lapsed } : {}),
    rounds,
    longestRoundMs: Math.round(longestRoundMs),
    seconds: Math.round((performance.now() - begun) / 100) / 10,
  });
  return { figures: { policy, ...figures }, problems, csv: planCsv(plan) };
}

async function writePlan(to: string, day: PaidDay, days: number, csv: string): Promise<void> {
  if (days > 1) await mkdir(to, { recursive: true });
  await writeFile(days > 1 ? join(to, `${day.name}.csv`) : to, csv);
}

const print = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

runProgram(main);

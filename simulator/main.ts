/**
 * Plays the demo city on a running service.
 *   (no arguments)                 until it is stopped, as `npm start` does
 *   --deliveries N [--exit]        places N orders; with --exit it ends when all have ended, and judges the run
 *   --drivers N --seed TEXT --speed X --every SECONDS
 *   --harm worker,api,redis [--harm-every SECONDS]   with --exit: starts worker and API itself, and in turns kills them in mid-offer, or flushes Redis
 * Progress goes to stderr. With --exit figures go to stdout, the last line of it being one JSON object.
 * Exit code: 0 = all ended and every promise was kept, 1 = not so, 2 = wrong arguments or settings.
 */
import { parseArgs } from 'node:util';
import { countOf, Mistake, numberOf } from './arguments';
import { type DemoOptions, type JudgedRun, judgeDemo, playDemo } from './demoRun';
import { type InspectorSettings, readInspectorSettings, readSimulatorSettings } from './environment';
import { type Harm, HarmedService, HARMS } from './harm';
import { Inspection } from './inspection';
import { log, runProgram } from './program';

type Options = DemoOptions & { exit: boolean; harms: readonly Harm[]; harmEveryMs: number };

function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args, strict: true,
    options: {
      deliveries: { type: 'string' }, exit: { type: 'boolean', default: false }, drivers: { type: 'string', default: '12' }, seed: { type: 'string', default: String(Date.now()) },
      speed: { type: 'string' }, every: { type: 'string' }, harm: { type: 'string' }, 'harm-every': { type: 'string', default: '5' },
    },
  });
  if (values.exit && values.deliveries === undefined) throw new Mistake('--exit needs --deliveries: otherwise it never ends');
  if (values.harm !== undefined && !values.exit) throw new Mistake('--harm needs --exit: it is there to be judged');
  const deliveries = values.deliveries === undefined ? null : countOf('--deliveries', values.deliveries, { min: 1, max: 100_000 });
  const seconds = { min: 0.01, max: 3_600 };
  return {
    deliveries, exit: values.exit, seed: values.seed, harms: harmsOf(values.harm),
    drivers: countOf('--drivers', values.drivers, { min: 1, max: 1_000 }),
    speed: numberOf('--speed', values.speed ?? (deliveries === null ? '20' : '120'), { min: 0.1, max: 1_000 }),
    everyMs: numberOf('--every', values.every ?? (deliveries === null ? '4' : '1.5'), seconds) * 1_000,
    harmEveryMs: numberOf('--harm-every', values['harm-every'], seconds) * 1_000,
  };
}

function harmsOf(text: string | undefined): Harm[] {
  return (text?.split(',') ?? []).map((name) => {
    const harm = HARMS.find((each) => each === name);
    if (!harm) throw new Mistake(`--harm must be of ${HARMS.join(', ')}, not ${JSON.stringify(name)}`);
    return harm;
  });
}

async function main(signal: AbortSignal): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (!options.exit) {
    await playDemo(readSimulatorSettings(process.env), options, log, signal);
    return 0;
  }
  const settings = readInspectorSettings(process.env);
  const inspection = await Inspection.open(settings);
  try {
    return conclude(await (options.harms.length > 0 ? judgeHarmed(settings, inspection, options, signal) : judgeDemo(settings, inspection, options, log, signal)));
  } finally {
    await inspection.close();
  }
}

async function judgeHarmed(settings: InspectorSettings, inspection: Inspection, options: Options, signal: AbortSignal): Promise<JudgedRun> {
  const service = await HarmedService.start({ harms: options.harms, everyMs: options.harmEveryMs, env: process.env, log });
  const peace = new AbortController();
  try {
    const harming = service.keepHarming(inspection, AbortSignal.any([signal, peace.signal]));
    const { figures, problems } = await judgeDemo(settings, inspection, options, log, signal, () => {
      peace.abort();
      return harming;
    });
    const { worker, api, redis } = service.done;
    return { figures: { ...figures, workerKills: worker, apiKills: api, redisFlushes: redis }, problems };
  } finally {
    peace.abort();
    await service.stop();
  }
}

function conclude({ figures, problems }: JudgedRun): number {
  for (const problem of problems) log(`problem: ${problem}`);
  process.stdout.write(`${wordsOf(figures)}\n${JSON.stringify(figures)}\n`);
  return problems.length === 0 ? 0 : 1;
}

/** A line a figure, for people. */
function wordsOf(figures: JudgedRun['figures']): string {
  return Object.entries(figures).map(([name, value]) => `  ${name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).padEnd(24)} ${String(value)}`).join('\n');
}

runProgram(main);

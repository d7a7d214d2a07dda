/**
 * Plays the demo city on a running service.
 *   (no arguments)                 runs until stopped, as in `npm start`; orders follow the drivers
 *   --rush                         the same with three times more orders than the drivers can carry
 *   --deliveries N [--exit]        places N orders; --exit stops when all have ended, and judges the run
 *   --drivers N --seed TEXT --speed X
 *   --every SECONDS                orders at this mean pause, independent of the drivers
 *   --hostile                      with --deliveries and --exit: starts worker and API itself; drivers
 *                                  vanish, offers expire, ops work the queue and throw each kill switch
 *   --harm worker,api,redis [--harm-every SECONDS]
 *                                  with --exit: starts worker and API itself; in turn kills them during an
 *                                  offer, or flushes Redis
 * Progress goes to stderr. With --exit, figures go to stdout, and the last line is one JSON object.
 * Exit code: 0 = all orders ended, and every promise and every goal of a hostile run was met;
 * 1 = something failed; 2 = wrong arguments or settings.
 */
import { readOptions, type Options } from './options';
import type { CheckerOptions } from '../../reliability/checker/checker';
import { SHARED_MACHINE_BOUNDS } from '../../reliability/checker/patience';
import { playDemo } from './play';
import { judgeDemo, type JudgedRun } from './run';
import { type InspectorSettings, readInspectorSettings, readSimulatorSettings } from '../kit/environment';
import { HarmedService } from '../../reliability/hostile/harm';
import { judgeHostile } from '../../reliability/hostile/run';
import { Inspection } from '../kit/inspection';
import { log, runProgram } from '../kit/program';

const CHECK: CheckerOptions = { env: process.env, bounds: SHARED_MACHINE_BOUNDS };

async function main(signal: AbortSignal): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (!options.exit) {
    await playDemo(readSimulatorSettings(process.env), options, log, signal);
    return 0;
  }
  const settings = readInspectorSettings(process.env);
  const inspection = await Inspection.open(settings);
  try {
    return conclude(await judge(settings, inspection, options, signal));
  } finally {
    await inspection.close();
  }
}

function judge(
  settings: InspectorSettings,
  inspection: Inspection,
  options: Options,
  signal: AbortSignal,
): Promise<JudgedRun> {
  const { deliveries, hostile, harms } = options;
  if (hostile && deliveries !== null)
    return judgeHostile(settings, inspection, { ...options, deliveries, env: process.env }, log, signal);
  return harms.length > 0
    ? judgeHarmed(settings, inspection, options, signal)
    : judgeDemo(settings, inspection, options, log, signal, { check: CHECK });
}

async function judgeHarmed(
  settings: InspectorSettings,
  inspection: Inspection,
  options: Options,
  signal: AbortSignal,
): Promise<JudgedRun> {
  const service = await HarmedService.start({
    harms: options.harms,
    everyMs: options.harmEveryMs,
    env: process.env,
    log,
  });
  const peace = new AbortController();
  try {
    const harming = service.keepHarming(inspection, AbortSignal.any([signal, peace.signal]));
    const { figures, problems } = await judgeDemo(settings, inspection, options, log, signal, {
      check: { ...CHECK, faultEndedAt: () => service.harmedUntil },
      allEnded: () => {
        peace.abort();
        return harming;
      },
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

/** The figures as text, one per line. */
function wordsOf(figures: JudgedRun['figures']): string {
  return Object.entries(figures)
    .map(
      ([name, value]) =>
        `  ${name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).padEnd(36)} ${String(value)}`,
    )
    .join('\n');
}

runProgram(main);

/**
 * npm run bench -- round [--shape spread] [--waiting 1000] [--drivers 1000] [--bundle 1] [--rounds 5] [--seed 1]
 *
 * What a round of a city's matching costs: decided by the code that the worker runs, in turns as in the worker. Prints
 * a JSON line for each city. Without --shape, --waiting and --drivers it measures all the cities of `CITIES`.
 *   --shape    spread, shops, onePickup, onePlace, barred or shiftsEnd
 *   --bundle   how many deliveries one trip may have
 *   --rounds   how often the round is decided; the first is slower, while the code is compiled
 * Exit code: 0 = each round took under two seconds of processor time and held the event loop for 50 ms of it at most;
 * 1 = one did not; 2 = wrong arguments. Other processes lengthen `longestHoldMs`, but not `longestHoldCpuMs`.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Point } from '../../domain/geo/places';
import { decideRoundInSteps } from '../../domain/matching/matcher';
import type { Round, RoundInput } from '../../domain/matching/round';
import { MATCH_WEIGHTS } from '../../domain/matching/weights';
import { inTurns } from '../../services/matching/inTurns';
import { UsageError, countOf } from '../../simulator/kit/arguments';
import { runProgram } from '../../simulator/kit/program';
import { machine } from '../machine';
import { cityOf, type CitySize, type Shape, SHAPES } from './cities';

type City = CitySize & { shape: Shape; bundle: number };
type Options = { cities: readonly City[]; rounds: number; seed: string };
type Hold = { ms: number; cpuMs: number };
type Measured = { cpuMs: number; wallMs: number; longestHoldMs: number; longestHoldCpuMs: number };

const MOST_CPU_MS = 2_000;
const LONGEST_HOLD_MS = 50;

/** As many as a round may read, all alike, the evening with too few drivers, and the large city. */
const CITIES: readonly City[] = SHAPES.map((shape): City => ({
  shape,
  waiting: 1_000,
  drivers: 1_000,
  bundle: 1,
})).concat([
  { shape: 'spread', waiting: 1_000, drivers: 50, bundle: 1 },
  { shape: 'spread', waiting: 3_000, drivers: 100, bundle: 1 },
  { shape: 'spread', waiting: 50, drivers: 3_000, bundle: 1 },
  { shape: 'shops', waiting: 1_000, drivers: 1_000, bundle: 2 },
  { shape: 'onePickup', waiting: 1_000, drivers: 1_000, bundle: 2 },
  { shape: 'shops', waiting: 1_000, drivers: 50, bundle: 2 },
]);

function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    strict: true,
    options: {
      shape: { type: 'string' },
      waiting: { type: 'string' },
      drivers: { type: 'string' },
      bundle: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '5' },
      seed: { type: 'string', default: '1' },
    },
  });
  const { shape, waiting, drivers } = values;
  const isAll = shape === undefined && waiting === undefined && drivers === undefined;
  const size = (name: string, text = '1000'): number => countOf(name, text, { min: 1, max: 20_000 });
  const city = {
    shape: shapeOf(shape ?? 'spread'),
    waiting: size('--waiting', waiting),
    drivers: size('--drivers', drivers),
    bundle: countOf('--bundle', values.bundle, { min: 1, max: 4 }),
  };
  return {
    cities: isAll ? CITIES : [city],
    rounds: countOf('--rounds', values.rounds, { min: 1, max: 1_000 }),
    seed: values.seed,
  };
}

function shapeOf(text: string): Shape {
  const shape = SHAPES.find((each) => each === text);
  if (shape) return shape;
  throw new UsageError(`--shape must be one of ${SHAPES.join(', ')}, not ${JSON.stringify(text)}`);
}

async function main(signal: AbortSignal): Promise<number> {
  const { cities, rounds, seed } = readOptions(process.argv.slice(2));
  let isWithin = true;
  for (const city of cities) {
    const input = cityOf(city.shape, city, seed);
    const measured: Measured[] = [];
    let decided: Round | null = null;
    for (let n = 0; n < rounds; n += 1) {
      signal.throwIfAborted();
      const { round, ...figures } = await measure(input, city.bundle);
      measured.push(figures);
      decided = round;
    }
    const figures = figuresOf(measured);
    isWithin &&= figures.maxCpuMs < MOST_CPU_MS && figures.longestHoldCpuMs <= LONGEST_HOLD_MS;
    print({ ...city, rounds, ...figures, ...countsOf(decided) });
  }
  print(machine());
  return isWithin ? 0 : 1;
}

async function measure(input: RoundInput<Point>, maxBundle: number): Promise<Measured & { round: Round }> {
  const watch = watchLoop();
  const cpu = cpuClock();
  const begun = performance.now();
  const round = await inTurns(decideRoundInSteps(input, { ...MATCH_WEIGHTS, maxBundle }));
  const wallMs = performance.now() - begun;
  const cpuMs = cpuClock() - cpu;
  const longest = await watch.end();
  return { round, cpuMs, wallMs, longestHoldMs: longest.ms, longestHoldCpuMs: longest.cpuMs };
}

/**
 * Takes a turn of the event loop whenever there is one, and measures the longest wait for it: by the clock, and in
 * processor time of all threads, which other processes do not lengthen.
 */
function watchLoop(): { end: () => Promise<Hold> } {
  const longest = { ms: 0, cpuMs: 0 };
  let isOver = false;
  const watch = async (): Promise<void> => {
    let [last, lastCpu] = [performance.now(), cpuClock()];
    while (!isOver) {
      await nextTurn();
      const [now, cpuNow] = [performance.now(), cpuClock()];
      longest.ms = Math.max(longest.ms, now - last);
      longest.cpuMs = Math.max(longest.cpuMs, cpuNow - lastCpu);
      [last, lastCpu] = [now, cpuNow];
    }
  };
  const watching = watch();
  return {
    end: async () => {
      isOver = true;
      await watching;
      return longest;
    },
  };
}

/** Processor time of this process so far, in ms. */
function cpuClock(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

type Figures = Record<
  'firstCpuMs' | 'medianCpuMs' | 'maxCpuMs' | 'medianWallMs' | 'longestHoldMs' | 'longestHoldCpuMs',
  number
>;

function figuresOf(measured: readonly Measured[]): Figures {
  const cpu = measured.map(({ cpuMs }) => cpuMs);
  return {
    firstCpuMs: rounded(cpu[0] ?? 0),
    medianCpuMs: rounded(medianOf(cpu)),
    maxCpuMs: rounded(Math.max(...cpu)),
    medianWallMs: rounded(medianOf(measured.map(({ wallMs }) => wallMs))),
    longestHoldMs: rounded(Math.max(...measured.map(({ longestHoldMs }) => longestHoldMs))),
    longestHoldCpuMs: rounded(Math.max(...measured.map(({ longestHoldCpuMs }) => longestHoldCpuMs))),
  };
}

const countsOf = (round: Round | null): Record<'offers' | 'held' | 'unmatched', number> => ({
  offers: round?.offers.length ?? 0,
  held: round?.held.length ?? 0,
  unmatched: round?.unmatched.length ?? 0,
});
const medianOf = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;
const rounded = (ms: number): number => Math.round(ms * 10) / 10;
const print = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

runProgram(main);

/**
 * npm run bench -- positions [--pairs 6] [--seconds 4] [--drivers 500] [--connections 32]
 *                            [--only v1|single|batch]
 *
 * How many positions a second one API process accepts over HTTP: one per request (v1 and v2 path) and batches
 * of 20. Compared with a bare Express handler in its own process that writes the same to the same Redis. The
 * same load generator loads both in turns over as many keep-alive connections.
 *
 * A table goes to stderr, one line of JSON to stdout.
 * Exit code: 0 = for each kind the median over the pairs is at least 0.7 of the bare handler and no request
 * was refused, 1 = a goal was missed, 2 = invalid arguments or settings.
 */
import { parseArgs } from 'node:util';
import { countOf, UsageError, numberOf } from '../../simulator/kit/arguments';
import { connect } from '../../simulator/client/connections';
import { readInspectorSettings } from '../../simulator/kit/environment';
import { startApi } from '../../simulator/kit/processes';
import { log, runProgram } from '../../simulator/kit/program';
import { machine, serverVersions } from '../machine';
import { startChildren } from './children';
import { CENTER, openCity } from './city';
import { openCpuMeter } from './cpu';
import { type Block, type Figures, figuresOf, type Side, table } from './figures';
import { LOAD_KINDS, type LoadKind } from './protocol';

const GOAL = 0.7;
const WARM_UP_SECONDS = 2;
const RETRY_FOR_MS = 30_000;
const BARE_WRITES = 'one pipeline: GEOADD, HSET and ZADD of the last position, XADD of each';

type Options = {
  pairs: number;
  seconds: number;
  drivers: number;
  connections: number;
  kinds: readonly LoadKind[];
};

function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    strict: true,
    options: {
      pairs: { type: 'string', default: '6' },
      seconds: { type: 'string', default: '4' },
      drivers: { type: 'string', default: '500' },
      connections: { type: 'string', default: '32' },
      only: { type: 'string' },
    },
  });
  const connections = countOf('--connections', values.connections, { min: 1, max: 1_000 });
  const kinds = LOAD_KINDS.filter((kind) => values.only === undefined || kind === values.only);
  if (kinds.length === 0) throw new UsageError(`--only must be one of ${LOAD_KINDS.join(', ')}`);
  return {
    pairs: countOf('--pairs', values.pairs, { min: 1, max: 1_000 }),
    seconds: numberOf('--seconds', values.seconds, { min: 0.5, max: 600 }),
    connections,
    kinds,
    drivers: countOf('--drivers', values.drivers, { min: connections, max: 10_000 }),
  };
}

/** Rate limits beyond the load, though each ping is counted. */
function benchEnvironment(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    LOG_LEVEL: 'warn',
    RATE_LIMIT_PER_MINUTE: '1000000',
    RATE_LIMIT_OPS_PER_MINUTE: '1000000',
    RATE_LIMIT_LOCATION_PER_MINUTE: '1000000',
    RATE_LIMIT_AVAILABILITY_PER_MINUTE: '1000000',
    ...given,
  };
}

async function main(signal: AbortSignal): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const settings = readInspectorSettings(process.env);
  const api = await startApi(benchEnvironment(process.env));
  const children = await startChildren(settings.redisUrl);
  const cpu = openCpuMeter({
    apiUrl: api.url,
    redisUrl: settings.redisUrl,
    bareCpuSeconds: () => children.bareCpuSeconds(),
  });
  try {
    await api.ready();
    log(`${options.drivers} drivers are coming on duty`);
    const drivers = await openCity(connect(settings, { retryForMs: RETRY_FOR_MS, signal }), options.drivers);
    children.ride({ drivers, center: CENTER, connections: options.connections });
    const ports: Record<Side, number> = { ours: Number(new URL(api.url).port), bare: children.barePort };
    const run = async (side: Side, kind: LoadKind, seconds: number): Promise<Block> => {
      const before = await cpu.read();
      const report = await children.send({ port: ports[side], kind, seconds });
      return { side, kind, ...report, cpu: cpu.since(before, await cpu.read(), side) };
    };
    const blocks = await runAll(run, options, signal);
    return conclude(figuresOf(blocks, options.kinds), options, await serverVersions(settings));
  } finally {
    cpu.close();
    await Promise.all([children.stop(), api.stop()]);
  }
}

/** Sides alternate, so that other load on the machine affects both. */
async function runAll(
  run: (side: Side, kind: LoadKind, seconds: number) => Promise<Block>,
  { pairs, seconds, kinds }: Options,
  signal: AbortSignal,
): Promise<Block[]> {
  const sides = ['ours', 'bare'] as const;
  for (const kind of kinds)
    for (const side of sides) await run(side, kind, Math.min(WARM_UP_SECONDS, seconds));
  const blocks: Block[] = [];
  for (let pair = 0; pair < pairs && !signal.aborted; pair += 1) {
    for (const kind of kinds) for (const side of sides) blocks.push(await run(side, kind, seconds));
  }
  return blocks;
}

function conclude(figures: Figures, { kinds: _kinds, ...options }: Options, versions: object): number {
  log(table(figures));
  process.stdout.write(
    `${JSON.stringify({ ...figures, goal: GOAL, bareWrites: BARE_WRITES, ...options, ...machine(), ...versions })}\n`,
  );
  return Object.values(figures).every(({ ratio, refused }) => ratio >= GOAL && refused === 0) ? 0 : 1;
}

runProgram(main);

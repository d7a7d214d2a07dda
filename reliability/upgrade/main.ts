/**
 * npm run verify -- upgrade [--orders-each 12] [--drivers N] [--every SECONDS] [--seed TEXT]
 *                           [--only builds|schema]
 *
 * Upgrades the service while a city operates. It starts worker and API itself on the given PostgreSQL, Redis
 * and Temporal.
 * Builds: a worker of this build and one of the next build, whose workflows cannot replay a run of this one.
 * The current build goes forward, back, and forward again.
 * Schema: the migrations of a future release go up and down, also behind a long transaction. Then dispensable
 * migrations of this release go down and up again.
 *
 * Progress goes to stderr, one line of JSON to stdout.
 * Exit code: 0 = no acknowledged result was lost, no task failed, each run stayed on its build, no session
 * waited long for a table; 1 = a violation, listed on stderr; 2 = invalid arguments or settings.
 */
import { parseArgs } from 'node:util';
import { machine, serverVersions } from '../../bench/machine';
import { countOf, UsageError, numberOf } from '../../simulator/kit/arguments';
import { connect } from '../../simulator/client/connections';
import { judgeDemo, type Ready } from '../../simulator/demo/run';
import type { FleetBehaviour } from '../../simulator/demo/world';
import { type InspectorSettings, readInspectorSettings } from '../../simulator/kit/environment';
import { Inspection } from '../../simulator/kit/inspection';
import { type ServiceProcess, startApi, startWorker } from '../../simulator/kit/processes';
import { log, runProgram } from '../../simulator/kit/program';
import { judgeRuns } from './judge';
import { makeNextBuild } from './nextBuild';
import { QuietCity } from './quietCity';
import { Rollout } from './rollout';
import { RunReader } from './runs';
import { SchemaTrial } from './schemaTrial';
import { readStatusCounts } from './statusCounts';

/** `ordersEach`: the fewest orders during the period of each build. */
type Options = {
  ordersEach: number;
  drivers: number;
  everyMs: number;
  seed: string;
  only: 'builds' | 'schema' | undefined;
};
type Part = { figures: object; problems: readonly string[] };

const DEPLOYMENT = 'upgrade-show';
const RETRY_FOR_MS = 60_000;
const DRAIN_SECONDS = 300;
const MAX_SHOWN = 50;
const SPEED = 120;
/** No driver takes a break: its timer would keep a build in use for at least five minutes. */
const FLEET_BEHAVIOUR: FleetBehaviour = {
  odds: { breakAfterJob: 0, failAtDoor: 0.02 },
  rhythm: { batch: 3, idleMs: 10_000, pollMs: 15_000 },
  afterAccept: ['goesOn'],
  awayMs: { min: 0, max: 0 },
  answers: [
    'accept',
    'accept',
    'accept',
    'accept',
    'accept',
    'accept',
    'accept',
    'accept',
    'accept',
    'reject',
  ],
};

function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    strict: true,
    options: {
      'orders-each': { type: 'string', default: '12' },
      drivers: { type: 'string', default: '14' },
      every: { type: 'string', default: '1' },
      seed: { type: 'string', default: String(Date.now()) },
      only: { type: 'string' },
    },
  });
  const only = (['builds', 'schema'] as const).find((each) => each === values.only);
  if (values.only !== undefined && only === undefined)
    throw new UsageError('--only must be builds or schema');
  return {
    ordersEach: countOf('--orders-each', values['orders-each'], { min: 3, max: 100_000 }),
    drivers: countOf('--drivers', values.drivers, { min: 2, max: 1_000 }),
    everyMs: numberOf('--every', values.every, { min: 0.01, max: 3_600 }) * 1_000,
    seed: values.seed,
    only,
  };
}

function readOwnerUrl({ MIGRATE_DATABASE_URL: url }: NodeJS.ProcessEnv): string {
  if (!url || !URL.canParse(url))
    throw new UsageError(
      'MIGRATE_DATABASE_URL is not set; it is where migrations are run, by the owner of the tables',
    );
  return url;
}

/**
 * All features that this run needs are on; user settings are kept. Without a deployment name, workers are
 * unversioned.
 */
function unversionedEnvironment(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ENABLE_DRIVER_OFFERS: 'true',
    DRIVER_OFFERS_ROLLOUT: '100',
    ENABLE_AVAILABILITY_STATES: 'true',
    ENABLE_AUTO_REASSIGNMENT: 'true',
    LOG_LEVEL: 'error',
    ...given,
    WORKER_DEPLOYMENT_NAME: undefined,
  };
}

async function main(signal: AbortSignal): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const settings = readInspectorSettings(process.env);
  const ownerUrl = readOwnerUrl(process.env);
  const env = unversionedEnvironment(process.env);
  const inspection = await Inspection.open(settings);
  const api = await startApi(env);
  try {
    await api.ready();
    const show = new Show({ settings, inspection, options, ownerUrl, env, signal });
    const parts = [
      ...(options.only === 'schema' ? [] : await show.builds()),
      ...(options.only === 'builds' ? [] : await show.schema()),
    ];
    return conclude(parts, {
      seed: options.seed,
      machine: machine(),
      versions: await serverVersions(settings),
    });
  } finally {
    await Promise.all([api.stop(), inspection.close()]);
  }
}

type SchemaTrialDeps = {
  settings: InspectorSettings;
  inspection: Inspection;
  options: Options;
  ownerUrl: string;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
};

class Show {
  constructor(private readonly deps: SchemaTrialDeps) {}

  async builds(): Promise<Part[]> {
    const {
      settings,
      env,
      options: { ordersEach },
      signal,
    } = this.deps;
    const [window, next] = await Promise.all([RunReader.open(), makeNextBuild()]);
    const quiet = await QuietCity.open(connect(settings, { retryForMs: RETRY_FOR_MS, signal }));
    const rollout = new Rollout(
      { window, quiet, next, env: { ...env, WORKER_DEPLOYMENT_NAME: DEPLOYMENT }, log, signal },
      { ordersEach, drainSeconds: DRAIN_SECONDS },
    );
    try {
      await rollout.begin(env);
      const city = await this.played('builds', ({ demo: { orders } }) => rollout.play(orders));
      await rollout.end();
      const runs = judgeRuns(await window.all(), rollout.epochs);
      return [
        city,
        {
          figures: { ...rollout.figures, ...runs.figures, builds: rollout.epochs.map(({ build }) => build) },
          problems: [...rollout.problems, ...runs.problems],
        },
      ];
    } finally {
      await rollout.stop();
      next.remove();
      await window.close();
    }
  }

  async schema(): Promise<Part[]> {
    const {
      inspection: { pool },
      ownerUrl,
      env,
      signal,
    } = this.deps;
    const worker: ServiceProcess = await startWorker(env);
    try {
      await worker.ready();
      let shown: Part = { figures: {}, problems: ['the schema change did not run'] };
      const city = await this.played('schema', async ({ world: { latencies } }) => {
        const show = new SchemaTrial({ pool, ownerUrl, env, log, signal }, latencies);
        await show.play();
        shown = show;
      });
      return [city, shown];
    } finally {
      await worker.stop();
    }
  }

  /**
   * Runs the city during `during`, and then until all deliveries have ended; checks the acknowledged results.
   */
  private async played(what: 'builds' | 'schema', during: (run: Ready) => Promise<void>): Promise<Part> {
    const {
      settings,
      inspection,
      options: { drivers, everyMs, seed },
      signal,
    } = this.deps;
    const before = await readStatusCounts(settings.apiUrl);
    const { figures, problems } = await judgeDemo(
      settings,
      inspection,
      { deliveries: null, drivers, everyMs, seed: `${seed}/${what}`, speed: SPEED },
      log,
      signal,
      {
        fleetBehaviour: FLEET_BEHAVIOUR,
        during: (run) => during(run).finally(() => run.demo.orders.close()),
      },
    );
    const after = await readStatusCounts(settings.apiUrl);
    const faults = after.faults - before.faults;
    return {
      figures: {
        [`city${what === 'builds' ? 'DuringBuilds' : 'DuringSchema'}`]: {
          ...figures,
          faults,
          tryAgain: after.tryAgain - before.tryAgain,
        },
      },
      problems: [...problems, ...(faults > 0 ? [`${faults} requests were answered 5xx other than 503`] : [])],
    };
  }
}

function conclude(parts: readonly Part[], about: object): number {
  const problems = parts.flatMap((part) => part.problems);
  for (const problem of problems.slice(0, MAX_SHOWN)) log(`broken: ${problem}`);
  if (problems.length > MAX_SHOWN) log(`… and ${problems.length - MAX_SHOWN} more`);
  const figures = Object.fromEntries(parts.flatMap((part) => Object.entries(part.figures)));
  process.stdout.write(`${JSON.stringify({ ...figures, broken: problems.length, ...about })}\n`);
  return problems.length === 0 ? 0 : 1;
}

runProgram(main);

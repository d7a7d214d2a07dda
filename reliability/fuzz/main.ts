/**
 * npm run verify -- fuzz [--seconds 120] [--seed TEXT] [--lanes 4]
 *
 * Generates requests from the service's OpenAPI document: valid, nearly valid and invalid ones. Sends them to
 * a worker and an API that it starts on the given PostgreSQL, Redis and Temporal, while three small cities
 * operate. Also sends malformed socket traffic, and checks the rows afterwards.
 *
 * Rules: no server error (5xx or a lost connection); no undocumented status, code or body; no access to data
 * of another tenant; no other socket is disconnected. Stops at the first violation, and prints the smallest
 * failing request as a curl command.
 *
 * Progress goes to stderr, one line of JSON to stdout.
 * Exit code: 0 = no violation, 1 = a violation, 2 = invalid arguments or settings.
 */
import { parseArgs } from 'node:util';
import { Pool } from 'pg';
import { machine, serverVersions } from '../../bench/machine';
import { countOf, numberOf } from '../../simulator/kit/arguments';
import { connect } from '../../simulator/client/connections';
import { type InspectorSettings, readInspectorSettings } from '../../simulator/kit/environment';
import { poll } from '../../simulator/kit/pause';
import { startApi, startWorker } from '../../simulator/kit/processes';
import { log, runProgram } from '../../simulator/kit/program';
import { randomFrom } from '../../simulator/kit/random';
import { ROW_RULES } from '../checker/rowRules';
import { type Operation, readOperations } from './document';
import { callersOf, isHidden, tenantsOf, secretsOf } from './tenants';
import { type FailingRequest, fuzzOperation, type FuzzDeps, type HttpFigures } from './run';
import { fuzzSockets, type SocketCaller, type SocketFigures } from './sockets';
import { tokenOf } from './tokens';
import { openWorld } from './world';

type Options = { seconds: number; seed: string; lanes: number };

const RETRY_FOR_MS = 30_000;
/** Requests to one operation before the next one is chosen. */
const REQUESTS_AT_A_TIME = 8;
const REFRESH_EVERY_MS = 1_000;
const SETTLE_MS = 20_000;

function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    strict: true,
    options: {
      seconds: { type: 'string', default: '120' },
      seed: { type: 'string', default: String(Date.now()) },
      lanes: { type: 'string', default: '4' },
    },
  });
  return {
    seconds: numberOf('--seconds', values.seconds, { min: 1, max: 864_000 }),
    seed: values.seed,
    lanes: countOf('--lanes', values.lanes, { min: 1, max: 64 }),
  };
}

/** All features on, short thresholds so that every state is reached, and no rate limits. */
function fuzzEnvironment(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const limits = [
    'PER_MINUTE',
    'MERCHANT_PER_MINUTE',
    'OPS_PER_MINUTE',
    'LOCATION_PER_MINUTE',
    'AVAILABILITY_PER_MINUTE',
    'BAD_TOKEN_PER_MINUTE',
  ];
  return {
    ENABLE_DRIVER_OFFERS: 'true',
    DRIVER_OFFERS_ROLLOUT: '100',
    ENABLE_AVAILABILITY_STATES: 'true',
    ENABLE_AUTO_REASSIGNMENT: 'true',
    ENABLE_ESCALATION: 'true',
    LOG_LEVEL: 'error',
    ...Object.fromEntries(limits.map((name) => [`RATE_LIMIT_${name}`, '10000000'])),
    ...given,
  };
}

async function main(signal: AbortSignal): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const settings = readInspectorSettings(process.env);
  const env = fuzzEnvironment(process.env);
  const [api, worker] = [await startApi(env), await startWorker(env)];
  const pool = new Pool({ connectionString: settings.databaseUrl, max: 4, application_name: 'fuzz' });
  try {
    await Promise.all([api.ready(), worker.ready()]);
    const found = await fuzz(settings, pool, options, signal);
    const rows = await settled(pool);
    const isWell = async (url: string): Promise<boolean> =>
      (await fetch(`${url}/health/ready`).catch(() => null))?.ok ?? false;
    const ill = (
      await Promise.all(
        [api, worker].map(async ({ name, url }) =>
          (await isWell(url)) ? [] : [`the ${name} is not ready after the run`],
        ),
      )
    ).flat();
    return conclude({ ...found, afterwards: [...rows, ...ill] }, options, await serverVersions(settings));
  } finally {
    await pool.end();
    await Promise.all([api.stop(), worker.stop()]);
  }
}

type Found = {
  broken: FailingRequest | null;
  http: HttpFigures;
  sockets: SocketFigures;
  operations: readonly Operation[];
};

async function fuzz(
  settings: InspectorSettings,
  pool: Pool,
  { seconds, seed, lanes }: Options,
  signal: AbortSignal,
): Promise<Found> {
  const tenants = tenantsOf(seed);
  const connections = connect(settings, { retryForMs: RETRY_FOR_MS, signal });
  const world = await openWorld({ connections, pool, tenants });
  const callers = await Promise.all(
    callersOf(tenants).map(async (caller) => ({
      ...caller,
      token: await tokenOf(caller, connections.login, settings.tokens),
    })),
  );
  const operations = readOperations(await (await fetch(`${settings.apiUrl}/openapi.json`)).text());
  const http: HttpFigures = {
    requests: 0,
    byStatus: {},
    byCode: {},
    succeeded: new Set(),
    refused: new Set(),
  };
  const known = tenants.filter((tenant) => !isHidden(tenant));
  const deps: FuzzDeps = {
    apiUrl: settings.apiUrl,
    callers,
    secrets: secretsOf(tenants),
    figures: http,
    known: { ids: await world.refresh(), cursor: 'none' },
    names: {
      cities: known.map(({ cityId }) => cityId),
      zones: known.map(({ name }) => `zone-${name}`),
      merchants: known.map(({ merchantId }) => merchantId),
      features: FEATURES,
    },
  };
  const over = new AbortController();
  const until = Date.now() + seconds * 1_000;
  signal.addEventListener('abort', () => over.abort());
  const socketCallers = callers.map(({ name, token, role }): SocketCaller => ({
    name,
    token,
    isAdmitted: role !== 'nobody',
    isDriver: role === 'driver',
  }));
  const playing = fuzzSockets({
    apiUrl: settings.apiUrl,
    callers: socketCallers,
    bystanders: socketCallers.filter(({ name }) => BYSTANDERS.includes(name)),
    ids: () => deps.known.ids,
    secrets: deps.secrets,
    random: randomFrom(`${seed}/sockets`),
    signal: over.signal,
  });
  log(`${operations.length} operations, ${callers.length} callers, seed ${seed}`);
  const refreshing = keepRefreshing(deps, () => world.refresh(), over.signal);
  const broken = await fuzzInLanes(deps, operations, { seed, lanes, until, signal: over.signal });
  over.abort();
  const [sockets] = await Promise.all([playing, refreshing]);
  return { broken, http, sockets, operations };
}

const FEATURES = ['driver_offers', 'availability_states', 'escalation', 'auto_reassignment'];
const BYSTANDERS: readonly string[] = ['driver-amber-0', 'merchant-birch', 'ops-of-all'];

/** The requests to an operation depend only on the seed, its name and the round, and not on other lanes. */
async function fuzzInLanes(
  deps: FuzzDeps,
  operations: readonly Operation[],
  { seed, lanes, until, signal }: { seed: string; lanes: number; until: number; signal: AbortSignal },
): Promise<FailingRequest | null> {
  let [next, broken]: [number, FailingRequest | null] = [0, null];
  const lane = async (): Promise<void> => {
    while (Date.now() < until && !signal.aborted && broken === null) {
      const [operation, round] = [operations[next % operations.length], Math.floor(next / operations.length)];
      next += 1;
      if (!operation) return;
      const found = await fuzzOperation(deps, operation, {
        seed: numberFrom(`${seed}/${operation.name}/${round}`),
        times: REQUESTS_AT_A_TIME,
        until,
      });
      broken ??= found;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return broken;
}

function numberFrom(seed: string): number {
  return Math.floor(randomFrom(seed).next() * 2 ** 31);
}

async function keepRefreshing(
  { known }: FuzzDeps,
  refresh: () => Promise<string[]>,
  signal: AbortSignal,
): Promise<void> {
  await poll(
    async () => {
      if (signal.aborted) return true;
      known.ids = await refresh();
      return undefined;
    },
    { everyMs: REFRESH_EVERY_MS, deadlineAt: Infinity, signal },
  );
}

/** Checks the invariants once writing has stopped. Offers and workflows get time to finish. */
async function settled(pool: Pool): Promise<string[]> {
  let broken: string[] = [];
  const allHold = async (): Promise<true | undefined> => {
    const found = await Promise.all(
      ROW_RULES.map(async ({ says, broken: query }) =>
        (await pool.query<{ id: string }>(query)).rows.map(({ id }) => `not so: ${id} ${says}`),
      ),
    );
    broken = found.flat();
    return broken.length === 0 ? true : undefined;
  };
  await poll(allHold, { everyMs: 500, deadlineAt: Date.now() + SETTLE_MS });
  return broken;
}

function conclude(
  { broken, http, sockets, operations, afterwards }: Found & { afterwards: readonly string[] },
  options: Options,
  versions: object,
): number {
  if (broken)
    log(`broken: ${broken.operation}, by ${broken.caller}: ${broken.rules.join('; ')}\n${broken.curl}`);
  for (const problem of [...sockets.broken, ...afterwards]) log(`broken: ${problem}`);
  const { succeeded, refused, ...figures } = http;
  const all = operations.map(({ name }) => name);
  const neverSucceeded = all.filter((name) => !succeeded.has(name));
  const isWell = broken === null && sockets.broken.length === 0 && afterwards.length === 0;
  process.stdout.write(
    `${JSON.stringify({
      ...options,
      operations: all.length,
      succeeded: succeeded.size,
      refused: refused.size,
      neverSucceeded,
      ...figures,
      sockets,
      broken,
      afterwards,
      ...machine(),
      ...versions,
    })}\n`,
  );
  return isWell ? 0 : 1;
}

runProgram(main);

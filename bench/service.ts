import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ServiceProcess, startApi, type StartOptions, startWorker } from '../simulator/kit/processes';

export type Service = { worker: ServiceProcess; api: ServiceProcess };

/** Offers on, and no rate limits. User settings are kept. */
export function benchEnvironment(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ENABLE_DRIVER_OFFERS: 'true',
    DRIVER_OFFERS_ROLLOUT: '100',
    ENABLE_AVAILABILITY_STATES: 'true',
    ENABLE_AUTO_REASSIGNMENT: 'true',
    LOG_LEVEL: 'warn',
    MERCHANT_OPEN_DELIVERIES_MAX: '1000000',
    RATE_LIMIT_PER_MINUTE: '1000000',
    RATE_LIMIT_MERCHANT_PER_MINUTE: '1000000',
    RATE_LIMIT_OPS_PER_MINUTE: '1000000',
    RATE_LIMIT_LOCATION_PER_MINUTE: '1000000',
    POSITION_FASTEST_METERS_PER_MINUTE: '10000000',
    RATE_LIMIT_AVAILABILITY_PER_MINUTE: '1000000',
    ...given,
  };
}

/**
 * Starts the compiled worker and API, and waits until they are ready.
 * @param profileDir where each process writes, on exit, a CPU profile of each thread and its statement
 * counts; null: no profiles
 * @param onWorkerLine hears each line that the worker writes
 * @throws Error where one does not become ready
 */
export async function startService(
  env: NodeJS.ProcessEnv,
  profileDir: string | null,
  onWorkerLine?: (line: string) => void,
): Promise<Service> {
  const [workerEnv, workerOptions] = profiled(env, profileDir, 'worker');
  const [worker, api] = await Promise.all([
    startWorker(workerEnv, { ...workerOptions, onLine: onWorkerLine }),
    startApi(...profiled(env, profileDir, 'api')),
  ]);
  const service = { worker, api };
  try {
    await Promise.all([worker.ready(), api.ready()]);
    return service;
  } catch (error) {
    await stopService(service);
    throw error;
  }
}

/** The environment, and the Node.js options. */
function profiled(
  env: NodeJS.ProcessEnv,
  profileDir: string | null,
  name: string,
): [NodeJS.ProcessEnv, StartOptions] {
  if (profileDir === null) return [env, {}];
  const dir = join(profileDir, name);
  mkdirSync(dir, { recursive: true });
  return [
    { ...env, STATEMENTS_FILE: statementsFile(profileDir, name) },
    {
      nodeOptions: [
        '--cpu-prof',
        `--cpu-prof-dir=${dir}`,
        '--require',
        join(__dirname, 'statements/main.js'),
      ],
    },
  ];
}

function statementsFile(profileDir: string, name: string): string {
  return join(profileDir, name, 'statements.json');
}

export async function stopService({ worker, api }: Service): Promise<void> {
  await Promise.all([worker.stop(), api.stop()]);
}

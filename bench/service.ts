import { join } from 'node:path';
import { type ServiceProcess, startApi, startWorker } from '../simulator/processes';

export type Service = { worker: ServiceProcess; api: ServiceProcess };

/** Offers on for all, and no limits that a bench would run into. What the user has set stays as it is. */
export function benchEnvironment(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ENABLE_DRIVER_OFFERS: 'true', DRIVER_OFFERS_ROLLOUT: '100', ENABLE_AVAILABILITY_STATES: 'true', ENABLE_AUTO_REASSIGNMENT: 'true', LOG_LEVEL: 'warn', RATE_LIMIT_PER_MINUTE: '1000000',
    RATE_LIMIT_MERCHANT_PER_MINUTE: '1000000', RATE_LIMIT_OPS_PER_MINUTE: '1000000', RATE_LIMIT_LOCATION_PER_MINUTE: '1000000', RATE_LIMIT_AVAILABILITY_PER_MINUTE: '1000000',
    ...given,
  };
}

/**
 * Worker and API, compiled, ready. @param profileDir where node leaves a CPU profile of each thread when they end, in a folder a process; null: none
 * @throws Error where one does not get ready
 */
export async function startService(env: NodeJS.ProcessEnv, profileDir: string | null): Promise<Service> {
  const profiled = (name: string): string[] => (profileDir === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${join(profileDir, name)}`]);
  const [worker, api] = await Promise.all([startWorker(env, profiled('worker')), startApi(env, profiled('api'))]);
  const service = { worker, api };
  try {
    await Promise.all([worker.ready(), api.ready()]);
    return service;
  } catch (error) {
    await stopService(service);
    throw error;
  }
}

export async function stopService({ worker, api }: Service): Promise<void> {
  await Promise.all([worker.stop(), api.stop()]);
}

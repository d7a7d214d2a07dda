import { optionalWhole, type Variable, whole, word } from './variable';

/** How the API listens, and how it leaves a load balancer. */
export const SERVING_VARIABLES = {
  adminHost: word('API_ADMIN_HOST', '127.0.0.1', 'the address of the admin port'),
  adminPort: optionalWhole(
    'API_ADMIN_PORT',
    { min: 0, max: 65_535 },
    'a port of its own for /metrics, the details of /health/ready, and the docs; unset: all on API_PORT',
  ),
  keepAliveSeconds: whole(
    'API_KEEP_ALIVE_SECONDS',
    65,
    { min: 1, max: 3_600 },
    'how long an idle connection stays open; longer than the load balancer keeps one',
  ),
  drainSeconds: whole(
    'SHUTDOWN_DRAIN_SECONDS',
    5,
    { min: 0, max: 300 },
    'how long the API still serves after a stop signal, while not ready, so that load balancers notice',
  ),
} satisfies Record<string, Variable<unknown>>;

export const WORKER_STOP_VARIABLES = {
  workerGraceSeconds: whole(
    'WORKER_SHUTDOWN_GRACE_SECONDS',
    10,
    { min: 0, max: 300 },
    'how long tasks in progress may take during shutdown of a worker',
  ),
};

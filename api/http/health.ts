import { performance } from 'node:perf_hooks';
import { type Response, Router } from 'express';
import pTimeout from 'p-timeout';
import { register } from 'prom-client';
import type { DependencyChecks } from '../../services/ports';
import type { ApiDeps } from '../deps';

/** A dependency that does not answer within this time counts as down. */
const CHECK_TIMEOUT_MS = 2_000;

type DependencyState = { state: 'up' | 'down'; ms: number };

/**
 * `/health` is the liveness probe. `/health/ready` is the readiness probe, with the state of each dependency and
 * feature. `/metrics` is for Prometheus.
 */
export function healthRouter({
  readiness,
  features,
  log,
}: Pick<ApiDeps, 'readiness' | 'features' | 'log'>): Router {
  const router = Router();
  router.get('/health', (_request, response: Response) => void response.json({ status: 'live' }));
  router.get('/health/ready', async (_request, response: Response) => {
    const entries = await Promise.all(
      Object.entries(readiness.checks).map(
        async ([name, check]) =>
          [name, await stateOf(check, (error) => log.warn({ err: error }, `${name} is down`))] as const,
      ),
    );
    const isReady = !readiness.isStopping() && entries.every(([, { state }]) => state === 'up');
    const shown = features
      .effective()
      .map(
        ({ feature, state, rolloutPercent, cities }) => [feature, { state, rolloutPercent, cities }] as const,
      );
    response.status(isReady ? 200 : 503).json({
      status: readiness.isStopping() ? 'stopping' : isReady ? 'ready' : 'not ready',
      dependencies: Object.fromEntries(entries),
      features: Object.fromEntries(shown),
    });
  });
  router.get(
    '/metrics',
    async (_request, response: Response) =>
      void response.type(register.contentType).send(await register.metrics()),
  );
  return router;
}

async function stateOf(
  check: DependencyChecks[string],
  onDown: (error: unknown) => void,
): Promise<DependencyState> {
  const begun = performance.now();
  try {
    await pTimeout(check(), { milliseconds: CHECK_TIMEOUT_MS, message: 'no answer in time' });
    return { state: 'up', ms: Math.round(performance.now() - begun) };
  } catch (error) {
    onDown(error);
    return { state: 'down', ms: Math.round(performance.now() - begun) };
  }
}

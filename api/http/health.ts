import { type Response, Router } from 'express';
import { register } from 'prom-client';
import type { RefusingChannel } from '../../services/noticeChannels';
import type { ApiDeps } from '../deps';

type HealthDeps = Pick<ApiDeps, 'readiness' | 'features'>;

/**
 * The probes alone, for the port that callers reach where an admin port has the details: `/health` is the
 * liveness probe, `/health/ready` the readiness probe.
 */
export function probesRouter({ readiness }: Pick<HealthDeps, 'readiness'>): Router {
  const router = livenessRouter();
  router.get('/health/ready', async (_request, response: Response) => {
    const { code, status } = await answerOf(readiness);
    response.status(code).json({ status });
  });
  return router;
}

/** The probes, with the state of each dependency and feature, and `/metrics` for Prometheus. */
export function healthRouter({ readiness, features }: HealthDeps): Router {
  const router = livenessRouter();
  router.get('/health/ready', async (_request, response: Response) => {
    const { code, status, dependencies } = await answerOf(readiness);
    const shown = features
      .effective()
      .map(
        ({ feature, state, rolloutPercent, cities }) => [feature, { state, rolloutPercent, cities }] as const,
      );
    response.status(code).json({
      status,
      dependencies: Object.fromEntries(
        Object.entries(dependencies).map(([name, { state, ms }]) => [name, { state, ms }]),
      ),
      features: Object.fromEntries(shown),
      refusingChannels: (readiness.refusingChannels?.() ?? []).map(showChannel),
    });
  });
  router.get(
    '/metrics',
    async (_request, response: Response) =>
      void response.type(register.contentType).send(await register.metrics()),
  );
  return router;
}

function livenessRouter(): Router {
  const router = Router();
  router.get('/health', (_request, response: Response) => void response.json({ status: 'live' }));
  return router;
}

async function answerOf({ report, isStopping }: HealthDeps['readiness']) {
  const { status, dependencies } = await report();
  if (isStopping()) return { code: 503, status: 'stopping', dependencies };
  return { code: status === 'not ready' ? 503 : 200, status, dependencies };
}

function showChannel({ channel, since, reason }: RefusingChannel): object {
  return { channel, since: new Date(since).toISOString(), reason };
}

import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { register } from 'prom-client';
import type { FeatureSetting } from '../domain/features/rollout';
import type { RefusingChannel } from '../services/noticeChannels';
import type { ReadinessReport } from '../services/readiness';

export type HealthDeps = {
  host: string;
  port: number;
  log: Logger;
  readiness: () => Promise<ReadinessReport>;
  isStopping: () => boolean;
  /** The feature settings in this process. */
  features: () => readonly FeatureSetting[];
  /** Channels of notices that refuse; shown, but no reason not to be ready. */
  refusingChannels?: () => readonly RefusingChannel[];
};

/** Serves `/health` (the process is alive), `/health/ready` (it can work) and `/metrics`. */
export async function startHealthServer({
  host,
  port,
  log,
  ...shown
}: HealthDeps): Promise<{ close(): Promise<void> }> {
  const server = createServer((request, response) => {
    answer(request.url ?? '/', response, shown).catch((error: unknown) => {
      log.error({ err: error }, 'health');
      response.writeHead(500).end();
    });
  });
  await listen(server, host, port);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function answer(
  url: string,
  response: ServerResponse,
  {
    readiness,
    isStopping,
    features,
    refusingChannels = () => [],
  }: Pick<HealthDeps, 'readiness' | 'isStopping' | 'features' | 'refusingChannels'>,
): Promise<void> {
  if (url === '/health') return json(response, 200, { status: 'ok' });
  if (url === '/metrics') {
    response.writeHead(200, { 'content-type': register.contentType }).end(await register.metrics());
    return;
  }
  if (url !== '/health/ready') return json(response, 404, { status: 'not found' });
  const { status, dependencies } = await readiness();
  const isReady = status === 'ready' && !isStopping();
  const shown = features().map(
    ({ feature, state, rolloutPercent, cities }) => [feature, { state, rolloutPercent, cities }] as const,
  );
  json(response, isReady ? 200 : 503, {
    status: isReady ? 'ok' : isStopping() ? 'stopping' : 'not ready',
    dependencies: Object.fromEntries(
      Object.entries(dependencies).map(([name, { why }]) => [name, why ?? 'ok']),
    ),
    features: Object.fromEntries(shown),
    refusingChannels: refusingChannels().map(({ channel, since, reason }) => ({
      channel,
      since: new Date(since).toISOString(),
      reason,
    })),
  });
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

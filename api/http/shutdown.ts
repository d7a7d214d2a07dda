import type { Server } from 'node:http';
import pTimeout from 'p-timeout';

/** While stopping, a connection whose request was answered may bring another one for so long. */
const LAST_CALL_MS = 250;

/**
 * Takes no new connection, lets requests in flight finish for so long, then ends what is left. Connections
 * that idle are closed, and those that bring another request get its answer and are told not to come again.
 */
export async function stopServing(
  server: Server,
  { graceMs, closeSockets }: { graceMs: number; closeSockets: () => Promise<void> },
): Promise<void> {
  server.keepAliveTimeout = LAST_CALL_MS;
  server.prependListener('request', (_request, response) => response.setHeader('connection', 'close'));
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const closedInTime = pTimeout(closed, { milliseconds: graceMs, fallback: () => undefined });
  await closeSockets();
  await closedInTime;
  server.closeAllConnections();
  await closed;
}

import type { Server } from 'node:http';
import pTimeout from 'p-timeout';

/** During shutdown, how long an idle connection may send another request, in ms. */
const LAST_CALL_MS = 250;

/**
 * Stops the server: accepts no new connections, waits up to `graceMs` for requests in flight, then closes all
 * connections. Idle connections are closed. Open ones get `connection: close` with their next response.
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

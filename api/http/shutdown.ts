import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import pTimeout from 'p-timeout';

/** During shutdown, how long an idle connection may send another request, in ms. */
const LAST_CALL_MS = 250;
/** Node must wait longer for the headers of a request than it keeps the connection idle. */
const HEADERS_MS = 1_000;

/**
 * Keeps idle connections open for `keepAliveMs`. A load balancer reuses a connection up to its own limit: if ours
 * is shorter, its next request meets a connection that is being closed, and its caller gets a 502.
 */
export function keepAlive(server: Server, keepAliveMs: number): void {
  server.keepAliveTimeout = keepAliveMs;
  server.headersTimeout = keepAliveMs + HEADERS_MS;
  server.requestTimeout = Math.max(server.requestTimeout, server.headersTimeout);
}

export type Stopping = {
  /** How long requests are still served, because load balancers notice late that the process is not ready. */
  drainMs: number;
  /** How long requests in flight may take after that. */
  graceMs: number;
  /** Closes the sockets at random moments within this time. */
  closeSockets: (withinMs: number) => Promise<void>;
};

/**
 * Stops the server. It serves on for `drainMs`, and each response closes its connection. Then it accepts no new
 * connections, closes the sockets within half of `graceMs`, waits up to `graceMs` for requests in flight, and
 * closes all connections. Call it once readiness says that the process stops.
 */
export async function stopServing(
  server: Server,
  { drainMs, graceMs, closeSockets }: Stopping,
): Promise<void> {
  server.prependListener('request', (_request, response) => response.setHeader('connection', 'close'));
  if (drainMs > 0) await sleep(drainMs);
  server.keepAliveTimeout = LAST_CALL_MS;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const closedInTime = pTimeout(closed, { milliseconds: graceMs, fallback: () => undefined });
  await closeSockets(graceMs / 2);
  await closedInTime;
  server.closeAllConnections();
  await closed;
}

import { Counter, Gauge } from 'prom-client';

/** Metrics of the realtime gateway, in prom-client's default registry. */

export const connections = new Gauge({
  name: 'realtime_connections',
  help: 'Open sockets of this process',
  labelNames: ['role'] as const,
});

export const connectionsOpened = new Counter({
  name: 'realtime_connections_opened_total',
  help: 'Accepted sockets',
  labelNames: ['role'] as const,
});

export const connectionsClosed = new Counter({
  name: 'realtime_connections_closed_total',
  help: 'Closed sockets, by reason',
  labelNames: ['role', 'reason'] as const,
});

export const connectionsRefused = new Counter({
  name: 'realtime_connections_refused_total',
  help: 'Refused handshakes, by code',
  labelNames: ['code'] as const,
});

import { Counter, Gauge } from 'prom-client';

/** Metrics of the realtime gateway, in prom-client's default registry. */

export const connections = new Gauge({
  name: 'realtime_connections',
  help: 'Sockets open in this process',
  labelNames: ['role'] as const,
});

export const connectionsOpened = new Counter({
  name: 'realtime_connections_opened_total',
  help: 'Sockets that were let in',
  labelNames: ['role'] as const,
});

export const connectionsClosed = new Counter({
  name: 'realtime_connections_closed_total',
  help: 'Sockets that went, by why',
  labelNames: ['role', 'reason'] as const,
});

export const connectionsRefused = new Counter({
  name: 'realtime_connections_refused_total',
  help: 'Handshakes that were refused, by why',
  labelNames: ['code'] as const,
});

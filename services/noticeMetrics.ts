import { Counter, Gauge, Histogram } from 'prom-client';

/** Metrics about notices, in prom-client's default registry. */

export const notifications = new Counter({
  name: 'notifications_total',
  help: 'Attempts to send a notice, by result: sent, not_needed, failed (retried) or refused (not retried)',
  labelNames: ['channel', 'result'] as const,
});

export const notificationsGivenUp = new Counter({
  name: 'notifications_given_up_total',
  help: 'Notices not delivered within NOTIFICATION_MAX_AGE_MINUTES',
  labelNames: ['channel'] as const,
});

export const notificationSeconds = new Histogram({
  name: 'notification_seconds',
  help: 'Duration of one attempt to send a notice',
  labelNames: ['channel'] as const,
  buckets: [0.05, 0.1, 0.2, 0.5, 1, 2, 5],
});

export const channelRefuses = new Gauge({
  name: 'notification_channel_refuses',
  help: '1 where a channel refused the last notice, such as for a revoked key; alert on any 1',
  labelNames: ['channel'] as const,
});

import type { Logger } from 'pino';
import { Counter } from 'prom-client';
import type { AuditCheckReport, FinishedCheck } from '../services/auditChains';
import { readGauge, sharedWhileRunning } from './readGauge';

const verified = new Counter({
  name: 'audit_entries_verified_total',
  help: 'Audit entries whose hash was computed anew by the daily checks',
});

/** Each problem is an error of its own: somebody changed what nobody may change. */
export function observeAuditCheck(
  { checkId, chains, entries, problemCount, named }: AuditCheckReport,
  log: Pick<Logger, 'error' | 'info'>,
): void {
  verified.inc(entries);
  for (const problem of named) log.error({ checkId, ...problem }, 'the audit trail was altered');
  log[problemCount > 0 ? 'error' : 'info'](
    { checkId, chains, entries, problemCount },
    'the audit trail was checked',
  );
}

/**
 * What the last check came to, and how far the trail lags behind; read when somebody looks, so that a worker
 * that just started says it too.
 */
export function observeAudit(
  read: { lastCheck: () => Promise<FinishedCheck | null>; lagMs: () => Promise<number> },
  log: Pick<Logger, 'warn'>,
): void {
  const lastCheck = sharedWhileRunning(read.lastCheck);
  readGauge(
    {
      name: 'audit_check_problems',
      help: 'Problems that the last finished check of the audit trail found; anything but 0 is tampering or a bug',
      log,
    },
    async () => (await lastCheck())?.problemCount ?? 0,
  );
  readGauge(
    {
      name: 'audit_check_last_success_timestamp_seconds',
      help: 'When the last check of the audit trail that came to its end ended; 0 where none has',
      log,
    },
    async () => ((await lastCheck())?.finishedAt ?? 0) / 1_000,
  );
  readGauge(
    {
      name: 'audit_lag_seconds',
      help: 'Age of the oldest change of an open delivery’s state that no audit entry tells of; 0 by construction, as both are written together',
      log,
    },
    async () => (await read.lagMs()) / 1_000,
  );
}

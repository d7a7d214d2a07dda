import type { Logger } from 'pino';
import { Counter } from 'prom-client';
import type { AuditCheckReport, FinishedCheck } from '../services/auditChains';
import { readGauge, sharedWhileRunning } from './readGauge';

const verified = new Counter({
  name: 'audit_entries_verified_total',
  help: 'Audit entries whose hash the daily checks recomputed',
});

/** Logs each problem as an error: somebody changed what must not change. */
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
 * Exposes the result of the last check, the lag and the partitions of the audit trail. All are read at each
 * scrape, so that a worker that has just started reports them too.
 */
export function observeAudit(
  read: {
    lastCheck: () => Promise<FinishedCheck | null>;
    lagMs: () => Promise<number>;
    partitions: () => Promise<{ aheadMs: number; defaultRows: number }>;
  },
  log: Pick<Logger, 'warn'>,
): void {
  const lastCheck = sharedWhileRunning(read.lastCheck);
  readGauge(
    {
      name: 'audit_check_problems',
      help: 'Problems found by the last finished audit check; any value but 0 is tampering or a bug',
      log,
    },
    async () => (await lastCheck())?.problemCount ?? 0,
  );
  readGauge(
    {
      name: 'audit_check_last_success_timestamp_seconds',
      help: 'Unix time when the last audit check finished; 0 if none has',
      log,
    },
    async () => ((await lastCheck())?.finishedAt ?? 0) / 1_000,
  );
  readGauge(
    {
      name: 'audit_lag_seconds',
      help: 'Age of the oldest open-delivery state without an audit entry; normally 0, as both are written together',
      log,
    },
    async () => (await read.lagMs()) / 1_000,
  );
  const partitions = sharedWhileRunning(read.partitions);
  readGauge(
    {
      name: 'audit_partitions_ahead_seconds',
      help: 'How far ahead the audit trail has partitions; two months or more unless the upkeep sweep fails',
      log,
    },
    async () => (await partitions()).aheadMs / 1_000,
  );
  readGauge(
    {
      name: 'audit_default_partition_entries',
      help: 'Audit entries of a month without a partition, 100,000 at most; normally 0',
      log,
    },
    async () => (await partitions()).defaultRows,
  );
}

import { proxyActivities } from '@temporalio/workflow';
import type { AuditCheckReport } from '../../services/auditChains';

const { verifyAudit } = proxyActivities<{ verifyAudit: () => Promise<Omit<AuditCheckReport, 'named'>> }>({
  // A retry resumes where the previous attempt stopped.
  startToCloseTimeout: '12 hours',
  heartbeatTimeout: '3 minutes',
  retry: { initialInterval: '10s', maximumAttempts: 10 },
});

/** Proves the audit trail's chains (docs/behaviour.md#audit-trail, ADR 11). Run by a Schedule once a day. */
export async function auditSweep(): Promise<Omit<AuditCheckReport, 'named'>> {
  return verifyAudit();
}

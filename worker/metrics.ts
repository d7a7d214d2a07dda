import type { Logger } from 'pino';
import { Counter, Gauge } from 'prom-client';
import type { EscalationReport } from '../activities/sweeps/escalationCheck';
import type { OpenRowsReport } from '../activities/sweeps/openRows';
import { readGauge, sharedWhileRunning } from './readGauge';

const openDeliveries = new Gauge({ name: 'deliveries_open', help: 'Open deliveries at the last sweep' });
const runningWorkflows = new Gauge({
  name: 'delivery_workflows_running',
  help: 'Running delivery workflows at the last sweep',
});
const repairs = new Counter({
  name: 'open_rows_repairs_total',
  help: 'Delivery workflows that the sweep started or signalled',
  labelNames: ['repair'] as const,
});
const wrongHolds = new Gauge({
  name: 'driver_holds_wrong',
  help: 'Drivers whose counters differ from their offers and assignments; any value but 0 is a bug',
});

/** Counts what the sweep found, and logs what it had to repair, since something broke it. */
export function observeOpenRows(report: OpenRowsReport, log: Logger): void {
  openDeliveries.set(report.openRows);
  runningWorkflows.set(report.running);
  wrongHolds.set(report.holdsWrong);
  repairs.inc({ repair: 'restarted' }, report.restarted);
  repairs.inc({ repair: 'orphaned' }, report.orphaned);
  repairs.inc({ repair: 'overdue' }, report.overdue);
  repairs.inc({ repair: 'stuck' }, report.stuck);
  repairs.inc({ repair: 'hung_owner' }, report.hungOwners);
  const { restarted, orphaned, overdue, stuck, hungOwners, holdsWrong } = report;
  if (restarted + orphaned + overdue + stuck + hungOwners + holdsWrong > 0)
    log.warn(report, 'the open deliveries sweep made repairs');
}

const escalationsDue = new Gauge({
  name: 'escalations_due',
  help: 'Deliveries due for an escalation level, at the last check',
});
const escalationMissRatio = new Gauge({
  name: 'escalation_miss_ratio',
  help: 'Share of due deliveries below their escalation level, at the last check',
});
const escalationsMissed = new Counter({
  name: 'escalations_missed_total',
  help: 'Deliveries that the check found below their escalation level and re-evaluated',
});
const casesUnresolved = new Gauge({
  name: 'escalations_unresolved',
  help: 'Unresolved cases in the support queue, at the last check',
});

/** Counts what the escalation check found. A miss is a fault: a timer did not fire. */
export function observeEscalation(report: EscalationReport, log: Logger): void {
  escalationsDue.set(report.due);
  escalationMissRatio.set(report.due === 0 ? 0 : report.missed / report.due);
  escalationsMissed.inc(report.missed);
  casesUnresolved.set(report.unresolvedCases);
  if (report.missed > 0) log.warn(report, 'deliveries were below their escalation level');
}

/** Exposes the lag of the outbox, read at each scrape. */
export function observeOutbox(
  read: () => Promise<{ unsent: number; oldestMs: number }>,
  log: Pick<Logger, 'warn'>,
): void {
  const backlog = sharedWhileRunning(read);
  readGauge(
    {
      name: 'outbox_oldest_seconds',
      help: 'Age of the oldest unsent message; 0 if there is none',
      log,
    },
    async () => (await backlog()).oldestMs / 1_000,
  );
  readGauge(
    { name: 'outbox_unsent', help: 'Unsent outbox messages', log },
    async () => (await backlog()).unsent,
  );
}

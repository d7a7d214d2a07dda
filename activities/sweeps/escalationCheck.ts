import {
  dueEscalation,
  type Escalating,
  type EscalationLimits,
  limitsIn,
  nextEscalationOf,
} from '../../domain/delivery/escalation';
import { unassignedMs } from '../../domain/delivery/unassignedClock';
import { type FeatureRegistry } from '../../services/features/featureRegistry';
import { type Clock, type Features, type Log } from '../../services/ports';

/** A delivery that nobody has, as far as escalation looks at it. */
export type UnassignedRow = Escalating & {
  deliveryId: string;
  cityId: string;
  cityEscalationMinutes: readonly number[];
};

export interface UnassignedRows {
  /** Deliveries whose clock of unassigned time runs, in the order of their ids, after `afterId`. */
  unassigned(query: { afterId: string | null; limit: number }): Promise<UnassignedRow[]>;
  /** Cases of the support queue that are not resolved. */
  unresolvedCases(): Promise<number>;
}

/**
 * `due`: deliveries that must be on some level by now; `missed`: of those the ones that are not where they
 * must be, and were told to look again.
 */
export type EscalationReport = { due: number; missed: number; unresolvedCases: number };

export type EscalationCheckDeps = {
  rows: UnassignedRows;
  features: Features;
  /** Since when (epoch ms) the feature is set as it is: what came due while it was off was not missed. */
  switchedAt: () => number;
  /** Makes the delivery's run look at its row, and starts one where none runs. */
  reevaluate: (deliveryId: string) => Promise<void>;
  clock: Clock;
  limits: EscalationLimits;
  /** What came due later than so many ms ago is left to the timers. */
  graceMs?: number;
  heartbeat: () => void;
  onReport: (report: EscalationReport) => void;
};

const PAGE = 1_000;
/** A run that acts at its time is done long before. */
const GRACE_MS = 30_000;

/**
 * Timers in the workflows are the mechanism of escalation; this proves that they work: it finds every
 * delivery that is not on the level it must be on, makes its run look at the row, which then does what is
 * due, and counts how many were missed (docs/behaviour.md#escalation).
 */
export function createEscalationCheck(deps: EscalationCheckDeps): () => Promise<EscalationReport> {
  return async () => {
    const report: EscalationReport = {
      due: 0,
      missed: 0,
      unresolvedCases: await deps.rows.unresolvedCases(),
    };
    let afterId: string | null = null;
    for (;;) {
      const rows: UnassignedRow[] = await deps.rows.unassigned({ afterId, limit: PAGE });
      for (const row of rows.filter(({ cityId, deliveryId }) =>
        deps.features.isOn('escalation', { cityId, key: deliveryId }),
      )) {
        if (isDue(row, deps)) report.due += 1;
        if (!isMissed(row, deps)) continue;
        report.missed += 1;
        await deps.reevaluate(row.deliveryId);
        deps.heartbeat();
      }
      const last = rows.at(-1);
      if (!last || rows.length < PAGE) break;
      afterId = last.deliveryId;
    }
    deps.onReport(report);
    return report;
  };
}

/** Where escalation is switched on again, what came due meanwhile is done at once, not at the next check. */
export function escalateAtOnce(
  { onChange }: Pick<FeatureRegistry, 'onChange'>,
  deps: Omit<EscalationCheckDeps, 'heartbeat' | 'onReport' | 'switchedAt' | 'graceMs'>,
  log: Pick<Log, 'warn'>,
): void {
  const checkNow = createEscalationCheck({
    ...deps,
    graceMs: 0,
    switchedAt: () => 0,
    heartbeat: () => {},
    onReport: () => {},
  });
  onChange(({ feature }) => {
    if (feature !== 'escalation') return;
    checkNow().catch((error: unknown) =>
      log.warn({ err: error }, 'overdue deliveries could not be checked; the next check retries'),
    );
  });
}

function isDue(
  { clock: unassigned, cityEscalationMinutes }: UnassignedRow,
  { limits, clock }: EscalationCheckDeps,
): boolean {
  return unassignedMs(unassigned, clock()) >= limitsIn(cityEscalationMinutes, limits).thresholds[1];
}

function isMissed(
  row: UnassignedRow,
  { limits, clock, switchedAt, graceMs = GRACE_MS }: EscalationCheckDeps,
): boolean {
  const here = limitsIn(row.cityEscalationMinutes, limits);
  if (dueEscalation(row, here, clock()) === null) return false;
  const dueAt = Math.max(nextEscalationOf(row, here)?.at ?? 0, switchedAt());
  return clock() - dueAt >= graceMs;
}

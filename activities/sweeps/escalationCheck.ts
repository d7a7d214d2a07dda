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

/** An unassigned delivery, with the fields that escalation needs. */
export type UnassignedRow = Escalating & {
  deliveryId: string;
  cityId: string;
  cityEscalationMinutes: readonly number[];
};

export interface UnassignedRows {
  /** Deliveries whose unassigned clock runs, ordered by id, after `afterId`. */
  unassigned(query: { afterId: string | null; limit: number }): Promise<UnassignedRow[]>;
  /** Unresolved cases of the support queue. */
  unresolvedCases(): Promise<number>;
}

/**
 * `due`: deliveries due for an escalation level. `missed`: those of them below their level, which were
 * re-evaluated.
 */
export type EscalationReport = { due: number; missed: number; unresolvedCases: number };

export type EscalationCheckDeps = {
  rows: UnassignedRows;
  features: Features;
  /** When the feature was last switched (epoch ms). Levels that came due while it was off were not missed. */
  switchedAt: () => number;
  /** Makes the delivery's run reread its row, and starts a run if there is none. */
  reevaluate: (deliveryId: string) => Promise<void>;
  clock: Clock;
  limits: EscalationLimits;
  /** Levels that came due more recently than this are left to the timers. */
  graceMs?: number;
  heartbeat: () => void;
  onReport: (report: EscalationReport) => void;
};

const PAGE = 1_000;
/** A punctual run acts long before this. */
const GRACE_MS = 30_000;

/**
 * Escalation runs on workflow timers; this check proves that they work. It finds every delivery below its
 * escalation level, makes its run reread the row and do what is due, and counts the misses
 * (docs/behaviour.md#escalation).
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

/** When escalation is switched on again, overdue levels are handled at once, not at the next check. */
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

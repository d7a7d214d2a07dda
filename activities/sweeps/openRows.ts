import { type Clock } from '../../services/ports';

/** An open delivery's row, with the fields that its workflow needs. */
export type OpenRow = { deliveryId: string; workflowId: string };

/** The comparison of delivery rows with workflow runs. */
export type OpenRowsReport = {
  openRows: number;
  running: number;
  restarted: number;
  orphaned: number;
  overdue: number;
  stuck: number;
  holdsWrong: number;
};

export interface OpenRowsStore {
  /** Open deliveries unchanged since then, by id, after `afterId`. */
  openRows(query: { untouchedSince: number; afterId: string | null; limit: number }): Promise<OpenRow[]>;
  /** Which of these deliveries were closed before then. */
  closedAmong(workflowIds: readonly string[], closedBefore: number): Promise<OpenRow[]>;
  /** Open deliveries whose search or offer expiry was due before then, by their rows. */
  overdue(query: { dueBefore: number; limit: number }): Promise<OpenRow[]>;
  /** Drivers whose counters differ from their offers and assignments. Any is a bug. */
  wrongHolds(): Promise<string[]>;
}

/** The sweep's view of Temporal. */
export interface RunningDeliveries {
  /** Ids of running delivery workflows, by visibility: may be seconds late. */
  list(): AsyncIterable<string>;
  /** Runs whose workflow task keeps failing, as reported by the cluster. Older clusters report none. */
  stuck(limit: number): Promise<string[]>;
  /** Terminates one of those runs. */
  end(workflowId: string, why: string): Promise<void>;
  /** Exact, at one call per delivery. */
  isRunning(workflowId: string): Promise<boolean>;
}

export type OpenRowsDeps = {
  store: OpenRowsStore;
  running: RunningDeliveries;
  /** Starts a workflow from the row, whatever its state. */
  start: (deliveryId: string) => Promise<void>;
  /** Makes a running workflow reread its row. A run that has ended is not an error. */
  reevaluate: (workflowId: string) => Promise<void>;
  clock: Clock;
  heartbeat: () => void;
  onReport: (report: OpenRowsReport) => void;
};

/** Younger changes may still be in the outbox. */
const SETTLING_MS = 10_000;
/** A punctual workflow acts long before this. */
const OVERDUE_MS = 60_000;
/** The most runs signalled in one sweep. After an outage all runs resume by themselves and need no signal. */
const OVERDUE_LIMIT = 200;
/** The most runs terminated in one sweep. A release that breaks all runs must be rolled back instead. */
const STUCK_LIMIT = 20;
const PAGE = 1_000;

/**
 * Proves that every open delivery has a running workflow and every running workflow an open delivery, and
 * repairs violations. It terminates runs that cannot continue, starts missing ones, and makes a run reread
 * its row if the delivery is closed or its deadline passed long ago (invariants 3 and 4).
 */
export function createOpenRowsSweep(deps: OpenRowsDeps): () => Promise<OpenRowsReport> {
  return async () => {
    const running = new Set<string>();
    for await (const workflowId of deps.running.list()) {
      running.add(workflowId);
      if (running.size % PAGE === 0) deps.heartbeat();
    }
    const stuck = await endStuck(deps, running);
    const { openRows, restarted } = await startMissing(deps, running);
    const orphaned = await endOrphans(deps, running);
    const overdue = await wakeOverdue(deps, running);
    const holdsWrong = (await deps.store.wrongHolds()).length;
    const report = { openRows, running: running.size, restarted, orphaned, overdue, stuck, holdsWrong };
    deps.onReport(report);
    return report;
  };
}

/**
 * A run that cannot replay its history cannot continue. The row holds the full state, so a new run starts
 * from it (ADR 8).
 */
async function endStuck({ running: runs }: OpenRowsDeps, running: Set<string>): Promise<number> {
  const stuck = await runs.stuck(STUCK_LIMIT);
  for (const workflowId of stuck) {
    await runs.end(workflowId, 'its workflow task fails again and again; a new run begins from the row');
    running.delete(workflowId);
  }
  return stuck.length;
}

async function startMissing(
  { store, running: runs, start, clock, heartbeat }: OpenRowsDeps,
  running: ReadonlySet<string>,
): Promise<{ openRows: number; restarted: number }> {
  let openRows = 0;
  let restarted = 0;
  let afterId: string | null = null;
  for (;;) {
    const rows: OpenRow[] = await store.openRows({
      untouchedSince: clock() - SETTLING_MS,
      afterId,
      limit: PAGE,
    });
    openRows += rows.length;
    for (const { deliveryId, workflowId } of rows.filter((row) => !running.has(row.workflowId))) {
      if (await runs.isRunning(workflowId)) continue;
      await start(deliveryId);
      restarted += 1;
      heartbeat();
    }
    const last = rows.at(-1);
    if (!last || rows.length < PAGE) return { openRows, restarted };
    afterId = last.deliveryId;
  }
}

/** A run may outlive its delivery between the commit and its own end. The run itself rereads the row. */
async function endOrphans(
  { store, reevaluate, heartbeat, clock }: OpenRowsDeps,
  running: ReadonlySet<string>,
): Promise<number> {
  const ids = [...running];
  let orphaned = 0;
  for (let from = 0; from < ids.length; from += PAGE) {
    for (const { workflowId } of await store.closedAmong(
      ids.slice(from, from + PAGE),
      clock() - SETTLING_MS,
    )) {
      await reevaluate(workflowId);
      orphaned += 1;
    }
    heartbeat();
  }
  return orphaned;
}

/** The row changed without the workflow, which now waits for the wrong event (invariant 4). */
async function wakeOverdue(
  { store, reevaluate, heartbeat, clock }: OpenRowsDeps,
  running: ReadonlySet<string>,
): Promise<number> {
  const rows = await store.overdue({ dueBefore: clock() - OVERDUE_MS, limit: OVERDUE_LIMIT });
  const asleep = rows.filter(({ workflowId }) => running.has(workflowId));
  for (const { workflowId } of asleep) {
    await reevaluate(workflowId);
    heartbeat();
  }
  return asleep.length;
}

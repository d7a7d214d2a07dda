import { type Clock } from '../../services/ports';

/** An open delivery's row, as far as its workflow is concerned. */
export type OpenRow = { deliveryId: string; workflowId: string };

/** How the rows and the runs of deliveries compare. */
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
  /** Open deliveries that nobody has touched since, by id, after `afterId`. */
  openRows(query: { untouchedSince: number; afterId: string | null; limit: number }): Promise<OpenRow[]>;
  /** Which of these deliveries were closed before then. */
  closedAmong(workflowIds: readonly string[], closedBefore: number): Promise<OpenRow[]>;
  /** Open deliveries whose search or whose offer's end was due before then, as far as their rows say. */
  overdue(query: { dueBefore: number; limit: number }): Promise<OpenRow[]>;
  /**
   * Drivers whose counters of offers and assignments are not what the rows say; none, or a bug is at work.
   */
  wrongHolds(): Promise<string[]>;
}

/** What the sweep asks of Temporal. */
export interface RunningDeliveries {
  /** Ids of running delivery workflows, by visibility: may be seconds late. */
  list(): AsyncIterable<string>;
  /**
   * Those whose workflow task fails again and again, as the cluster reports it; none where it reports no such
   * thing.
   */
  stuck(limit: number): Promise<string[]>;
  /** Ends one of those. */
  end(workflowId: string, why: string): Promise<void>;
  /** Certain, but one call each. */
  isRunning(workflowId: string): Promise<boolean>;
}

export type OpenRowsDeps = {
  store: OpenRowsStore;
  running: RunningDeliveries;
  /** Starts a workflow from the row, whatever its state. */
  start: (deliveryId: string) => Promise<void>;
  /** Makes a running workflow read its row again. One that ended meanwhile needs none: no error. */
  reevaluate: (workflowId: string) => Promise<void>;
  clock: Clock;
  heartbeat: () => void;
  onReport: (report: OpenRowsReport) => void;
};

/** Younger changes are still on their way through the outbox. */
const SETTLING_MS = 10_000;
/** A workflow that acts at its time is done long before. */
const OVERDUE_MS = 60_000;
/** So many of those are told at once: after an outage all come by themselves, and must not be told beside. */
const OVERDUE_LIMIT = 200;
/** So many are ended at once: where a release broke all, it is to be rolled back, not to be swept. */
const STUCK_LIMIT = 20;
const PAGE = 1_000;

/**
 * Proves that every open delivery has a running workflow and every running workflow an open delivery, and
 * repairs what is not so: ends what cannot go on, starts what is missing, and makes a run whose delivery is
 * closed, or should have acted long ago, look at its row (invariants 3 and 4).
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
 * A run that cannot replay its history will never go on. The row holds all that was promised, so a new run
 * begins from it (ADR 8).
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

/**
 * A run may outlive its delivery for the moment between the commit and its own end; the row is read again by
 * the run itself.
 */
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

/**
 * The row changed behind the workflow's back: it waits for something else than the row says (invariant 4).
 */
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

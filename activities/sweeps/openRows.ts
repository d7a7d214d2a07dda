import { type Clock } from '../../services/ports';

/** An open delivery's row, as far as its workflow is concerned. */
export type OpenRow = { deliveryId: string; workflowId: string };

/** Where a pass that ran out of time stopped; the next one goes on from here. Null: from the beginning. */
export type OpenRowsProgress = {
  /** The last open row that was compared. */
  rowsAfterId: string | null;
  /** Runs that started later were compared. Epoch ms. */
  runsStartedUntil: number | null;
};

/** How the rows and the runs of deliveries compare. */
export type OpenRowsReport = {
  openRows: number;
  running: number;
  restarted: number;
  orphaned: number;
  overdue: number;
  stuck: number;
  holdsWrong: number;
  /** What is left to the next pass. */
  progress: OpenRowsProgress;
};

export interface OpenRowsStore {
  /** How many deliveries are open that nobody has touched since. */
  countOpen(untouchedSince: number): Promise<number>;
  /** Open deliveries that nobody has touched since, by id, after `afterId`. */
  openRows(query: { untouchedSince: number; afterId: string | null; limit: number }): Promise<OpenRow[]>;
  /** Which of these deliveries were closed before then. */
  closedAmong(workflowIds: readonly string[], closedBefore: number): Promise<OpenRow[]>;
  /** Open deliveries whose search or whose offer's end was due before then, as far as their rows say. */
  overdue(query: { dueBefore: number; limit: number }): Promise<OpenRow[]>;
  /** Drivers whose counters of offers and assignments differ from the rows. Any such driver is a bug's work. */
  wrongHolds(): Promise<string[]>;
}

/** A running delivery workflow as visibility lists it. */
export type ListedRun = { workflowId: string; startedAt: number };

/** What the sweep asks of Temporal. */
export interface RunningDeliveries {
  /** How many delivery workflows run, by visibility: may be seconds late. */
  count(): Promise<number>;
  /** Which of these run, by visibility: may be seconds late. */
  amongRunning(workflowIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** Running delivery workflows, youngest first, from those that started then (null: from the youngest). */
  list(startedUntil: number | null): AsyncIterable<ListedRun>;
  /** Runs whose workflow task fails again and again; none where the cluster does not report that. */
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
  nudge: (workflowId: string) => Promise<void>;
  clock: Clock;
  heartbeat: () => void;
  onReport: (report: OpenRowsReport) => void;
};

/** Younger changes are still on their way through the outbox. */
const SETTLING_MS = 10_000;
/** A workflow that acts at its time is done long before. */
const OVERDUE_MS = 60_000;
/** The most overdue runs nudged in one pass: after an outage most of them act by themselves. */
const OVERDUE_LIMIT = 200;
/** The most stuck runs ended in one pass: a release that broke all runs is rolled back, not swept. */
const STUCK_LIMIT = 20;
const PAGE = 1_000;
/** Calls to Temporal that are under way together. */
const AT_ONCE = 10;
/** What one pass may take for rows, and again for runs. A pass begins every 30 seconds. */
const PASS_MS = 20_000;

const FROM_THE_BEGINNING: OpenRowsProgress = { rowsAfterId: null, runsStartedUntil: null };

/**
 * Proves that every open delivery has a running workflow and every running workflow an open delivery, and
 * repairs what is not so (invariants 3 and 4). Page by page: what is missing is started before the next page
 * is read, however many deliveries are open. A pass that runs out of time leaves the rest to the next one.
 * @returns the sweep; it takes the progress of the pass before
 */
export function createOpenRowsSweep(
  deps: OpenRowsDeps,
): (progress?: OpenRowsProgress) => Promise<OpenRowsReport> {
  return async (progress = FROM_THE_BEGINNING) => {
    const stuck = await endStuck(deps);
    const overdue = await wakeOverdue(deps);
    const { restarted, rowsAfterId } = await startMissing(deps, progress.rowsAfterId);
    const { orphaned, runsStartedUntil } = await endOrphans(deps, progress.runsStartedUntil);
    const report = {
      openRows: await deps.store.countOpen(deps.clock() - SETTLING_MS),
      running: await deps.running.count(),
      restarted,
      orphaned,
      overdue,
      stuck,
      holdsWrong: (await deps.store.wrongHolds()).length,
      progress: { rowsAfterId, runsStartedUntil },
    };
    deps.onReport(report);
    return report;
  };
}

/**
 * A run that cannot replay its history will never go on. The row holds all that was promised, so a new run
 * begins from it (ADR 8).
 */
async function endStuck({ running, heartbeat }: OpenRowsDeps): Promise<number> {
  const stuck = await running.stuck(STUCK_LIMIT);
  for (const workflowId of stuck) {
    await running.end(workflowId, 'its workflow task fails again and again; a new run begins from the row');
    heartbeat();
  }
  return stuck.length;
}

/** The row changed behind the workflow's back: it waits for something else than the row says (invariant 4). */
async function wakeOverdue({ store, running, nudge, heartbeat, clock }: OpenRowsDeps): Promise<number> {
  const rows = await store.overdue({ dueBefore: clock() - OVERDUE_MS, limit: OVERDUE_LIMIT });
  const runs = await running.amongRunning(rows.map(({ workflowId }) => workflowId));
  const asleep = rows.filter(({ workflowId }) => runs.has(workflowId));
  for (const { workflowId } of asleep) {
    await nudge(workflowId);
    heartbeat();
  }
  return asleep.length;
}

async function startMissing(
  deps: OpenRowsDeps,
  afterId: string | null,
): Promise<{ restarted: number; rowsAfterId: string | null }> {
  const { store, running, clock, heartbeat } = deps;
  const begunAt = clock();
  let restarted = 0;
  for (let rowsAfterId = afterId; ;) {
    const page = await store.openRows({
      untouchedSince: clock() - SETTLING_MS,
      afterId: rowsAfterId,
      limit: PAGE,
    });
    const runs = await running.amongRunning(page.map(({ workflowId }) => workflowId));
    const missing = page.filter(({ workflowId }) => !runs.has(workflowId));
    for (const some of inPieces(missing, AT_ONCE)) {
      const started = await Promise.all(some.map((row) => startUnlessRunning(deps, row)));
      restarted += started.filter(Boolean).length;
      rowsAfterId = some.at(-1)?.deliveryId ?? rowsAfterId;
      heartbeat();
      if (clock() - begunAt >= PASS_MS) return { restarted, rowsAfterId };
    }
    heartbeat();
    if (page.length < PAGE) return { restarted, rowsAfterId: null };
    rowsAfterId = page.at(-1)?.deliveryId ?? null;
    if (clock() - begunAt >= PASS_MS) return { restarted, rowsAfterId };
  }
}

async function startUnlessRunning({ running, start }: OpenRowsDeps, row: OpenRow): Promise<boolean> {
  if (await running.isRunning(row.workflowId)) return false;
  await start(row.deliveryId);
  return true;
}

/**
 * A run outlives its delivery for the moment between the commit and its own end. One that does so for longer
 * is made to read its row again, and ends by itself.
 */
async function endOrphans(
  { store, running, nudge, heartbeat, clock }: OpenRowsDeps,
  startedUntil: number | null,
): Promise<{ orphaned: number; runsStartedUntil: number | null }> {
  const begunAt = clock();
  let orphaned = 0;
  const nudgeClosed = async (workflowIds: readonly string[]): Promise<void> => {
    for (const { workflowId } of await store.closedAmong(workflowIds, clock() - SETTLING_MS)) {
      await nudge(workflowId);
      orphaned += 1;
    }
    heartbeat();
  };
  let page: string[] = [];
  for await (const { workflowId, startedAt } of running.list(startedUntil)) {
    if (page.push(workflowId) < PAGE) continue;
    await nudgeClosed(page);
    page = [];
    if (clock() - begunAt >= PASS_MS) return { orphaned, runsStartedUntil: startedAt };
  }
  await nudgeClosed(page);
  return { orphaned, runsStartedUntil: null };
}

function* inPieces<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}

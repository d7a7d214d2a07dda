import { type Clock } from '../../services/ports';
import { inPieces } from '../../services/inPieces';

/** An open delivery's row, with the fields that its workflow needs. */
export type OpenRow = { deliveryId: string; workflowId: string };

/** Where a pass that ran out of time stopped; the next one goes on from here. Null: from the beginning. */
export type OpenRowsProgress = {
  /** The last open row that was compared. */
  rowsAfterId: string | null;
  /** Runs that started later were compared. Epoch ms. */
  runsStartedUntil: number | null;
};

/** The comparison of delivery rows with workflow runs. */
export type OpenRowsReport = {
  openRows: number;
  running: number;
  restarted: number;
  orphaned: number;
  overdue: number;
  stuck: number;
  /** Owners of the matching of cities that did not go on, and were begun anew. */
  hungOwners: number;
  holdsWrong: number;
  /** What is left to the next pass. */
  progress: OpenRowsProgress;
};

export interface OpenRowsStore {
  /** The number of open deliveries unchanged since then. */
  countOpen(untouchedSince: number): Promise<number>;
  /** Open deliveries unchanged since then, by id, after `afterId`. */
  openRows(query: { untouchedSince: number; afterId: string | null; limit: number }): Promise<OpenRow[]>;
  /** Which of these deliveries were closed before then. */
  closedAmong(workflowIds: readonly string[], closedBefore: number): Promise<OpenRow[]>;
  /** Open deliveries whose search or offer expiry was due before then, by their rows. */
  overdue(query: { dueBefore: number; limit: number }): Promise<OpenRow[]>;
  /** Drivers whose counters differ from their offers and assignments. Any is a bug. */
  wrongHolds(): Promise<string[]>;
}

/** A running delivery workflow as visibility lists it. */
export type ListedRun = { workflowId: string; startedAt: number };

/** The workflow that should match a city. */
export type HungOwner = { workflowId: string; cityId: string };

/** The sweep's view of Temporal. */
export interface RunningDeliveries {
  /** How many delivery workflows run, by visibility: may be seconds late. */
  count(): Promise<number>;
  /** Which of these run, by visibility: may be seconds late. */
  amongRunning(workflowIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** Running delivery workflows, youngest first, from those that started then (null: from the youngest). */
  list(startedUntil: number | null): AsyncIterable<ListedRun>;
  /** Runs whose workflow task fails again and again; none where the cluster does not report that. */
  stuck(limit: number): Promise<string[]>;
  /** Cities whose matching has an owner whose workflow task has been pending since before then (epoch ms). */
  hungOwners(pendingBefore: number): Promise<HungOwner[]>;
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
  /** Calls for a round of a city's matching, and starts its owner where none runs. */
  callRound: (cityId: string) => Promise<void>;
  clock: Clock;
  heartbeat: () => void;
  onReport: (report: OpenRowsReport) => void;
};

/** Younger changes may still be in the outbox. */
const SETTLING_MS = 10_000;
/** A punctual workflow acts long before this. */
const OVERDUE_MS = 60_000;
/** The most overdue runs reevaluated in one pass: after an outage most of them act by themselves. */
const OVERDUE_LIMIT = 200;
/** The most stuck runs ended in one pass: a release that broke all runs is rolled back, not swept. */
const STUCK_LIMIT = 20;
/** A worker takes a task within seconds, and one that fails is tried again as soon. */
const HUNG_MS = 60_000;
const PAGE = 1_000;
/** Calls to Temporal that are under way together. */
const AT_ONCE = 10;
/** What one pass may take for rows, and again for runs. A pass begins every 30 seconds. */
const PASS_MS = 20_000;

const FROM_THE_BEGINNING: OpenRowsProgress = { rowsAfterId: null, runsStartedUntil: null };

/**
 * Proves that every open delivery has a running workflow and every running workflow an open delivery, and
 * repairs violations (invariants 3 and 4). It starts the missing workflows of one page before it reads the next,
 * so that repair never waits for a complete list. A pass that runs out of time leaves the rest to the next one.
 * @returns the sweep, which takes the progress of the previous pass
 */
export function createOpenRowsSweep(
  deps: OpenRowsDeps,
): (progress?: OpenRowsProgress) => Promise<OpenRowsReport> {
  return async (progress = FROM_THE_BEGINNING) => {
    const stuck = await endStuck(deps);
    const hungOwners = await replaceHungOwners(deps);
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
      hungOwners,
      holdsWrong: (await deps.store.wrongHolds()).length,
      progress: { rowsAfterId, runsStartedUntil },
    };
    deps.onReport(report);
    return report;
  };
}

/**
 * A run that cannot replay its history cannot continue. The row holds the full state, so a new run starts
 * from it (ADR 8).
 */
async function endStuck({ running, heartbeat }: OpenRowsDeps): Promise<number> {
  const stuck = await running.stuck(STUCK_LIMIT);
  for (const workflowId of stuck) {
    await running.end(workflowId, 'its workflow task fails again and again; a new run begins from the row');
    heartbeat();
  }
  return stuck.length;
}

/**
 * The owner of a city's matching holds nothing: where its task fails again and again, or its build has no worker any
 * more, a new run begins with a round (ADR 52). Deliveries have their net meanwhile.
 */
async function replaceHungOwners({ running, callRound, heartbeat, clock }: OpenRowsDeps): Promise<number> {
  const hung = await running.hungOwners(clock() - HUNG_MS);
  for (const { workflowId, cityId } of hung) {
    await running.end(workflowId, 'its workflow task is not done; a new run begins with a round');
    await callRound(cityId);
    heartbeat();
  }
  return hung.length;
}

/** The row changed without the workflow, which now waits for the wrong event (invariant 4). */
async function wakeOverdue({ store, running, reevaluate, heartbeat, clock }: OpenRowsDeps): Promise<number> {
  const rows = await store.overdue({ dueBefore: clock() - OVERDUE_MS, limit: OVERDUE_LIMIT });
  const runs = await running.amongRunning(rows.map(({ workflowId }) => workflowId));
  const asleep = rows.filter(({ workflowId }) => runs.has(workflowId));
  for (const { workflowId } of asleep) {
    await reevaluate(workflowId);
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
 * A run normally ends a moment after the commit that closed its delivery. The sweep makes an older run read
 * its row again, and the run then ends by itself.
 */
async function endOrphans(
  { store, running, reevaluate, heartbeat, clock }: OpenRowsDeps,
  startedUntil: number | null,
): Promise<{ orphaned: number; runsStartedUntil: number | null }> {
  const begunAt = clock();
  let orphaned = 0;
  const reevaluateClosed = async (workflowIds: readonly string[]): Promise<void> => {
    for (const { workflowId } of await store.closedAmong(workflowIds, clock() - SETTLING_MS)) {
      await reevaluate(workflowId);
      orphaned += 1;
    }
    heartbeat();
  };
  let page: string[] = [];
  for await (const { workflowId, startedAt } of running.list(startedUntil)) {
    if (page.push(workflowId) < PAGE) continue;
    await reevaluateClosed(page);
    page = [];
    if (clock() - begunAt >= PASS_MS) return { orphaned, runsStartedUntil: startedAt };
  }
  await reevaluateClosed(page);
  return { orphaned, runsStartedUntil: null };
}

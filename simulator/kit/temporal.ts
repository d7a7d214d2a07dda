import { Client, Connection, WorkflowNotFoundError } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { z } from 'zod';
import type { DeliverySnapshot } from '../../domain/delivery/deadline';
import { DELIVERY_STATUSES, type DeliveryStatus } from '../../domain/delivery/status';
import { deliveryWorkflowId, getSnapshot, searchAttributes, WORKFLOWS } from '../../workflows/contract';

/** The order that identifies a delivery's workflow. */
export type OrderKey = { merchantId: string; sellerOrderId: string };

/** The state of a delivery's newest run. `none`: there is no run. */
export type RunState =
  | { kind: 'running' }
  | { kind: 'ended'; result: DeliveryStatus }
  | { kind: 'broken'; state: string }
  | { kind: 'none' };

/** A delivery's run as Temporal reports it. `silent`: the run is open but does not answer queries. */
export type RunSnapshot =
  | Exclude<RunState, { kind: 'running' }>
  | { kind: 'running'; known: DeliverySnapshot }
  | { kind: 'silent'; why: string };

/** A run that is stuck or has failed. `problem`: the reason from Temporal. */
export type FailingRun = { workflowId: string; runId: string; problem: string };

/**
 * Reads Temporal, to verify the service. Every method throws if Temporal does not answer in time.
 */
export type TemporalInspector = {
  snapshot(order: OrderKey): Promise<RunSnapshot>;
  /** The same without a query to the workflow, since queries need a worker. */
  state(order: OrderKey): Promise<RunState>;
  /** The number of events in its history. */
  events(order: OrderKey): Promise<number>;
  /**
   * Workflow ids of the running deliveries, as Temporal lists them. The list may lag.
   * @param cityIds null: all cities
   */
  running(cityIds: readonly string[] | null): Promise<Set<string>>;
  /**
   * Runs with a repeatedly failing workflow task, and delivery and availability runs that failed since then
   * (epoch ms).
   */
  failingRuns(since: number): Promise<FailingRun[]>;
  close(): Promise<void>;
};

const STATUS = z.enum(DELIVERY_STATUSES);
const CALL_TIMEOUT_MS = 10_000;
/** A short reconnect delay: the server may be back soon. */
const RECONNECTING = { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 1_000 };

export type TemporalOptions = {
  callTimeoutMs?: number;
  /** The environment with Temporal's configuration. Default: the environment of this process. */
  env?: NodeJS.ProcessEnv;
};

/** Connects with Temporal's own environment configuration, as the worker does. */
export async function openTemporal({
  callTimeoutMs = CALL_TIMEOUT_MS,
  env,
}: TemporalOptions = {}): Promise<TemporalInspector> {
  const { connectionOptions, namespace } = loadClientConnectConfig(
    env ? { overrideEnvVars: onlySet(env) } : {},
  );
  const connection = await Connection.connect({ ...connectionOptions, channelArgs: RECONNECTING });
  const client = new Client({ connection, namespace });
  const handleOf = ({ merchantId, sellerOrderId }: OrderKey) =>
    client.workflow.getHandle(deliveryWorkflowId(merchantId, sellerOrderId));
  const within = <T>(call: () => Promise<T>): Promise<T> =>
    client.withDeadline(Date.now() + callTimeoutMs, call);
  return {
    snapshot: (order) => within(() => snapshotOf(handleOf(order))),
    state: (order) => within(() => stateOf(handleOf(order))),
    events: async (order) => (await within(() => handleOf(order).describe())).historyLength,
    running: (cityIds) => within(() => runningOf(client, cityIds)),
    failingRuns: (since) =>
      within(async () => [...(await stuckOf(client)), ...(await failedOf(client, since))]),
    close: () => connection.close(),
  };
}

type Handle = ReturnType<Client['workflow']['getHandle']>;

async function stateOf(handle: Handle): Promise<RunState> {
  try {
    const {
      status: { name: state },
    } = await handle.describe();
    if (state === 'RUNNING') return { kind: 'running' };
    return state === 'COMPLETED'
      ? { kind: 'ended', result: STATUS.parse(await handle.result()) }
      : { kind: 'broken', state };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { kind: 'none' };
    throw error;
  }
}

async function snapshotOf(handle: Handle): Promise<RunSnapshot> {
  try {
    const state = await stateOf(handle);
    return state.kind === 'running' ? { kind: 'running', known: await handle.query(getSnapshot) } : state;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { kind: 'none' };
    return {
      kind: 'silent',
      why: error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error),
    };
  }
}

const PAGE = 1_000;
const MAX_FAILING_RUNS = 100;

async function runningOf(client: Client, cityIds: readonly string[] | null): Promise<Set<string>> {
  const within =
    cityIds === null
      ? ''
      : ` AND ${searchAttributes.city.name} IN (${cityIds.map((id) => `'${id}'`).join(', ')})`;
  const ids = new Set<string>();
  for await (const { workflowId } of client.workflow.list({
    query: `WorkflowType = '${WORKFLOWS.delivery}' AND ExecutionStatus = 'Running'${within}`,
    pageSize: PAGE,
  }))
    ids.add(workflowId);
  return ids;
}

function stuckOf(client: Client): Promise<FailingRun[]> {
  return failingRunsIn(
    client,
    `ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL`,
    () => 'its workflow task fails again and again',
  );
}

function failedOf(client: Client, since: number): Promise<FailingRun[]> {
  const ours = `WorkflowType IN ('${WORKFLOWS.delivery}', '${WORKFLOWS.timedAvailability}')`;
  return failingRunsIn(
    client,
    `${ours} AND ExecutionStatus IN ('Failed', 'TimedOut', 'Canceled')` +
      ` AND CloseTime >= '${new Date(since).toISOString()}'`,
    (state) => `a run of it is ${state}`,
  );
}

async function failingRunsIn(
  client: Client,
  query: string,
  problemOf: (state: string) => string,
): Promise<FailingRun[]> {
  const failing: FailingRun[] = [];
  for await (const { workflowId, runId, status } of client.workflow.list({
    query,
    pageSize: MAX_FAILING_RUNS,
  })) {
    if (failing.push({ workflowId, runId, problem: problemOf(status.name) }) === MAX_FAILING_RUNS) break;
  }
  return failing;
}

function onlySet(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

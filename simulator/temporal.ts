import { Client, Connection, WorkflowNotFoundError } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { z } from 'zod';
import type { Known } from '../domain/deadline';
import { DELIVERY_STATUSES, type DeliveryStatus } from '../domain/delivery';
import { deliveryWorkflowId, getKnown } from '../workflows/contract';

/** An order, by which its workflow is found. */
export type OrderKey = { merchantId: string; sellerOrderId: string };

/** What Temporal says of a delivery's run. `none`: there is no such run; `silent`: it runs, but nobody can say what it knows. */
export type RunWord =
  | { kind: 'running'; known: Known }
  | { kind: 'ended'; result: DeliveryStatus }
  | { kind: 'broken'; state: string }
  | { kind: 'silent'; why: string }
  | { kind: 'none' };

/** A look into Temporal, for those who hold the service to its word. */
export type TemporalWindow = {
  word(order: OrderKey): Promise<RunWord>;
  /** How many events its history has. */
  events(order: OrderKey): Promise<number>;
  close(): Promise<void>;
};

const STATUS = z.enum(DELIVERY_STATUSES);
const CALL_TIMEOUT_MS = 10_000;

/** By Temporal's own environment configuration, as the worker does. */
export async function openTemporal(): Promise<TemporalWindow> {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  const connection = await Connection.connect(connectionOptions);
  const client = new Client({ connection, namespace });
  const handleOf = ({ merchantId, sellerOrderId }: OrderKey) => client.workflow.getHandle(deliveryWorkflowId(merchantId, sellerOrderId));
  const within = <T>(call: () => Promise<T>): Promise<T> => client.withDeadline(Date.now() + CALL_TIMEOUT_MS, call);
  return {
    word: (order) => within(() => wordOf(handleOf(order))),
    events: async (order) => (await within(() => handleOf(order).describe())).historyLength,
    close: () => connection.close(),
  };
}

type Handle = ReturnType<Client['workflow']['getHandle']>;

async function wordOf(handle: Handle): Promise<RunWord> {
  try {
    const { status: { name: state } } = await handle.describe();
    if (state === 'RUNNING') return { kind: 'running', known: await handle.query(getKnown) };
    return state === 'COMPLETED' ? { kind: 'ended', result: STATUS.parse(await handle.result()) } : { kind: 'broken', state };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { kind: 'none' };
    return { kind: 'silent', why: error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error) };
  }
}

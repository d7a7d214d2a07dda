/** Running deliveries go on while the encryption of their acts is switched on, rotated and switched off. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from '@temporalio/client';
import { type TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { dataConverterOf } from '../../adapters/temporal/payloadCodec';
import { createDispatcher } from '../../adapters/temporal/dispatcher';
import type { PayloadKeys } from '../../services/ports';
import { COMMANDS, deliveryWorkflowId, TASK_QUEUE } from '../../workflows/contract';
import { startDevServer } from '../support/devServer';
import { createDispatchWorld, type DispatchWorld, MERCHANT } from '../support/dispatchWorld';
import { workflowsUnderTest } from '../support/workflowsUnderTest';

const key = (): Uint8Array => new Uint8Array(randomBytes(32));
const [A, B] = [key(), key()];
const NONE: PayloadKeys = { keys: new Map(), encryptWith: null };
const ON: PayloadKeys = { keys: new Map([['a', A]]), encryptWith: 'a' };
const BOTH = new Map([
  ['b', B],
  ['a', A],
]);

let world: DispatchWorld;
let env: TestWorkflowEnvironment;
beforeAll(async () => {
  [world, env] = await Promise.all([createDispatchWorld(), startDevServer()]);
}, 120_000);
afterAll(async () => {
  await env.teardown();
  await world.close();
});

/** A worker and a client with these keys. The worker has no memory of runs: it reads their histories. */
async function withKeys<T>(payloads: PayloadKeys, act: (client: Client) => Promise<T>): Promise<T> {
  const dataConverter = dataConverterOf(payloads);
  const worker = await Worker.create({
    ...workflowsUnderTest(),
    connection: env.nativeConnection,
    namespace: env.namespace,
    dataConverter,
    taskQueue: TASK_QUEUE,
    activities: { ...world.activities },
    stickyQueueScheduleToStartTimeout: '1s',
  });
  const { connection, namespace = 'default' } = env;
  return worker.runUntil(act(new Client({ connection, namespace, dataConverter })));
}

const raisePay = (client: Client, workflowId: string, bonusCents: number, why: string) =>
  client.workflow.getHandle(workflowId).executeUpdate(COMMANDS.raisePay.update, {
    args: [{ bonusCents, why, by: { kind: 'ops', id: 'olga@example.com' }, correlationId: 'test' }],
  });

/** Everything that Temporal stores of a run, as text: whoever reaches Temporal reads this. */
async function storedOf(workflowId: string): Promise<string> {
  const history = await env.client.workflow.getHandle(workflowId).fetchHistory();
  return textIn(history.events ?? []).join('\n');
}

function textIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (ArrayBuffer.isView(value))
    return [Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()];
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap(textIn);
}

describe('a running delivery', () => {
  test('goes on when encryption is switched on, when the key changes, and when it is switched off', async () => {
    const { deliveryId, sellerOrderId } = await world.addDelivery({
      searchAt: new Date(Date.now() + 3_600_000),
    });
    const workflowId = deliveryWorkflowId(MERCHANT, sellerOrderId);
    await withKeys(NONE, async (client) => {
      await createDispatcher(client, world.db).startDelivery(deliveryId, 'test');
      expect(await raisePay(client, workflowId, 100, 'clear words')).toMatchObject({ outcome: 'payRaised' });
    });
    await withKeys(ON, async (client) => {
      expect(await raisePay(client, workflowId, 200, 'hidden words')).toMatchObject({ outcome: 'payRaised' });
    });
    const stored = await storedOf(workflowId);
    expect(stored).toContain('clear words');
    expect(stored).not.toContain('hidden words');
    expect(stored.match(/olga@example\.com/g)).toHaveLength(1);
    expect(stored).toContain(`delivery ${deliveryId} in`);
    await withKeys({ keys: BOTH, encryptWith: 'b' }, async (client) => {
      expect(await raisePay(client, workflowId, 300, 'newer words')).toMatchObject({ outcome: 'payRaised' });
    });
    await withKeys({ keys: BOTH, encryptWith: null }, async (client) => {
      expect(await raisePay(client, workflowId, 400, 'open words')).toMatchObject({ outcome: 'payRaised' });
      const handle = client.workflow.getHandle(workflowId);
      await handle.executeUpdate(COMMANDS.cancelDelivery.update, {
        args: [{ by: { kind: 'ops', id: 'olga' }, reason: 'OPS_CANCELLED', correlationId: 'test' }],
      });
      expect(await handle.result()).toBe('CANCELLED');
    });
    expect(await storedOf(workflowId)).not.toMatch(/hidden words|newer words/);
    const entries = await world.db.auditEntry.findMany({ where: { deliveryId, kind: 'pay_raised' } });
    expect(entries.map(({ actorId }) => actorId)).toEqual(Array(4).fill('olga@example.com'));
  }, 120_000);

  test('waits for a worker with the key, and then goes on', async () => {
    const { deliveryId, sellerOrderId } = await world.addDelivery({
      searchAt: new Date(Date.now() + 3_600_000),
    });
    const workflowId = deliveryWorkflowId(MERCHANT, sellerOrderId);
    await withKeys(ON, async (client) => {
      await createDispatcher(client, world.db).startDelivery(deliveryId, 'test');
      await raisePay(client, workflowId, 100, 'hidden words');
    });
    const handle = env.client.workflow.getHandle(workflowId);
    await withKeys({ keys: new Map([['b', B]]), encryptWith: 'b' }, async (client) => {
      await client.workflow
        .getHandle(workflowId)
        .signal('offerWithdrawn', { offerId: '', correlationId: 'x' });
      await expect(
        client.withDeadline(Date.now() + 3_000, () => raisePay(client, workflowId, 200, 'too early')),
      ).rejects.toThrow();
    });
    expect((await handle.describe()).status.name).toBe('RUNNING');
    await withKeys({ keys: BOTH, encryptWith: 'b' }, async (client) => {
      expect(await raisePay(client, workflowId, 500, 'with both')).toMatchObject({
        payCents: expect.any(Number),
      });
    });
    const row = await world.db.delivery.findUniqueOrThrow({ where: { id: deliveryId } });
    expect(row.bonusCents).toBe(500);
  }, 120_000);
});

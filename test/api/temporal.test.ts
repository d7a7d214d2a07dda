import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from '@temporalio/client';
import { pino } from 'pino';
import { v7 as newId } from 'uuid';
import { answerFromRow } from '../../activities/delivery';
import { createDispatcher } from '../../activities/adapters/temporalDispatcher';
import { type Answers, createAnswers } from '../../api/answers';
import { connectTemporal, createWorkflowUpdates } from '../../api/temporalUpdates';
import { createTemporalWorld, type TemporalWorld } from '../support/temporalWorld';
import { MERCHANT } from '../support/dispatchWorld';

/** What Temporal's errors look like is the server's to say: here they are real. */
let world: TemporalWorld;
beforeAll(async () => {
  world = await createTemporalWorld();
}, 120_000);
afterAll(() => world.close());

function answersThrough(client: Client, timeoutMs = 8_000): Answers {
  const { store, limits, features, clock } = world.deps;
  return createAnswers({
    updates: createWorkflowUpdates(client), timeoutMs, log: pino({ level: 'silent' }), startDelivery: createDispatcher(client, world.db).startDelivery,
    answerFromRow: (deliveryId, event) => answerFromRow({ store, limits, features, clock, newId }, deliveryId, event),
  });
}

const cancel = (deliveryId: string, sellerOrderId: string, updateId = newId()) => ({
  delivery: { deliveryId, merchantId: MERCHANT, sellerOrderId }, updateId,
  question: { kind: 'cancelDelivery', args: { by: { kind: 'ops', id: 'olga' }, reason: 'OPS_CANCELLED', correlationId: 'test' } } as const,
});

describe('asking a real Temporal', () => {
  it('answers through the workflow, and the same from the row once that has ended', async () => {
    const { deliveryId, sellerOrderId } = await world.addDelivery({ searchAt: new Date(Date.now() + 3_600_000) });
    await createDispatcher(world.client, world.db).startDelivery(deliveryId, 'test');
    const answers = answersThrough(world.client);
    const first = await answers.ask(cancel(deliveryId, sellerOrderId));
    expect(first).toMatchObject({ outcome: 'moved', status: 'CANCELLED' });
    expect(await answers.ask(cancel(deliveryId, sellerOrderId))).toEqual(first);
  });

  it('starts the workflow of an open delivery that has none', async () => {
    const { deliveryId, sellerOrderId } = await world.addDelivery({ searchAt: new Date(Date.now() + 3_600_000) });
    expect(await answersThrough(world.client).ask(cancel(deliveryId, sellerOrderId))).toMatchObject({ outcome: 'moved', status: 'CANCELLED' });
  });

  it('that is away gives 503 in time', async () => {
    const connection = connectTemporal({ address: '127.0.0.1:1' });
    const begun = Date.now();
    const asking = answersThrough(new Client({ connection }), 500).ask(cancel(newId(), 'away'));
    await expect(asking).rejects.toMatchObject({ code: 'NOT_ANSWERED_IN_TIME' });
    expect(Date.now() - begun).toBeLessThan(2_000);
    await connection.close();
  });
});

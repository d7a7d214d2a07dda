import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from '@temporalio/client';
import { pino } from 'pino';
import { v7 as newId } from 'uuid';
import { answerFromRow } from '../../services/deliveries/deliveryEvents';
import { createDispatcher } from '../../adapters/temporal/dispatcher';
import { type Answers, createAnswers, type Question } from '../../api/commands/answers';
import { connectTemporal, createWorkflowUpdates } from '../../api/commands/temporalUpdates';
import type { Step } from '../../domain/delivery/status';
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
    updates: createWorkflowUpdates(client),
    timeoutMs,
    log: pino({ level: 'silent' }),
    startDelivery: createDispatcher(client, world.db).startDelivery,
    answerFromRow: (deliveryId, event) =>
      answerFromRow({ store, limits, features, clock, newId }, deliveryId, event),
  });
}

const cancel = (deliveryId: string, sellerOrderId: string, updateId = newId()) => ({
  delivery: { deliveryId, merchantId: MERCHANT, sellerOrderId },
  updateId,
  question: {
    kind: 'cancelDelivery',
    args: { by: { kind: 'ops', id: 'olga' }, reason: 'OPS_CANCELLED', correlationId: 'test' },
  } as const,
});

describe('asking a real Temporal', () => {
  it('answers through the workflow, and the same from the row once that has ended', async () => {
    const { deliveryId, sellerOrderId } = await world.addDelivery({
      searchAt: new Date(Date.now() + 3_600_000),
    });
    await createDispatcher(world.client, world.db).startDelivery(deliveryId, 'test');
    const answers = answersThrough(world.client);
    const first = await answers.ask(cancel(deliveryId, sellerOrderId));
    expect(first).toMatchObject({ outcome: 'moved', status: 'CANCELLED' });
    expect(await answers.ask(cancel(deliveryId, sellerOrderId))).toEqual(first);
  });

  it('starts the workflow of an open delivery that has none', async () => {
    const { deliveryId, sellerOrderId } = await world.addDelivery({
      searchAt: new Date(Date.now() + 3_600_000),
    });
    expect(await answersThrough(world.client).ask(cancel(deliveryId, sellerOrderId))).toMatchObject({
      outcome: 'moved',
      status: 'CANCELLED',
    });
  });

  it('gets the acts of ops and drivers done, a repeat by its id', async () => {
    const cityId = await world.addCity();
    const [one, two] = [await world.addDriver({ cityId }), await world.addDriver({ cityId })];
    const { deliveryId, sellerOrderId } = await world.addDelivery({
      cityId,
      searchAt: new Date(Date.now() + 3_600_000),
    });
    const answers = answersThrough(world.client);
    const by = { kind: 'ops', id: 'olga' } as const;
    const ask = (question: Question, updateId = newId()) =>
      answers.ask({ delivery: { deliveryId, merchantId: MERCHANT, sellerOrderId }, updateId, question });
    const step = (name: Step) =>
      ask({ kind: 'takeStep', args: { step: name, by, deviceAt: null, correlationId: 'test' } });
    expect(
      await ask({ kind: 'raisePay', args: { bonusCents: 300, by, why: 'rain', correlationId: 'test' } }),
    ).toEqual({ outcome: 'payRaised', deliveryId, payCents: 1_000 });
    expect(
      await ask({
        kind: 'assignDriver',
        args: { driverId: one, by, override: false, why: 'near', correlationId: 'test' },
      }),
    ).toMatchObject({ outcome: 'assigned', driverId: one });
    for (const name of ['arriveAtPickup', 'pickUp'] as const)
      expect(await step(name)).toMatchObject({ outcome: 'moved' });
    const args = {
      driverId: two,
      by,
      override: false,
      meetingId: null,
      why: 'flat tyre',
      correlationId: 'test',
    };
    const handed = await ask({ kind: 'handOver', args }, 'hand-1');
    if (!('outcome' in handed) || handed.outcome !== 'assigned')
      throw new Error(`not handed over: ${JSON.stringify(handed)}`);
    expect(handed.driverId).toBe(two);
    expect(await ask({ kind: 'handOver', args }, 'hand-1')).toEqual(handed);
    expect(
      await ask({
        kind: 'leaveDelivery',
        args: {
          driverId: two,
          assignmentId: handed.assignmentId,
          reason: 'EMERGENCY',
          correlationId: 'test',
        },
      }),
    ).toMatchObject({ outcome: 'escalated' });
    expect(
      await ask({ kind: 'resumeSearch', args: { by, why: 'go on', correlationId: 'test' } }),
    ).toMatchObject({ refused: 'ILLEGAL_TRANSITION' });
    expect(
      await ask({
        kind: 'failDelivery',
        args: { by, reason: 'VEHICLE_BREAKDOWN', goods: 'LOST', correlationId: 'test' },
      }),
    ).toMatchObject({ outcome: 'moved', status: 'FAILED' });
  });

  it('answers a wish by its name as the first time once the delivery is closed, although the row refuses it by then', async () => {
    const cityId = await world.addCity();
    const driverId = await world.addDriver({ cityId });
    const { deliveryId, sellerOrderId } = await world.addDelivery({
      cityId,
      searchAt: new Date(Date.now() + 3_600_000),
    });
    const answers = answersThrough(world.client);
    const by = { kind: 'ops', id: 'olga' } as const;
    const ask = (question: Question, updateId: string, isSettled = false) =>
      answers.ask({
        delivery: { deliveryId, merchantId: MERCHANT, sellerOrderId },
        updateId,
        question,
        isSettled,
        firstAnswerUnder: updateId,
      });
    const assign: Question = {
      kind: 'assignDriver',
      args: { driverId, by, override: false, why: 'near', correlationId: 'test' },
    };
    const first = await ask(assign, 'assign-1');
    expect(first).toMatchObject({ outcome: 'assigned', driverId });
    for (const step of ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'] as const)
      await ask({ kind: 'takeStep', args: { step, by, deviceAt: null, correlationId: 'test' } }, step);
    expect(await ask(assign, 'assign-1', true)).toEqual(first);
    expect(await ask(assign, 'assign-2', true)).toMatchObject({ refused: 'ILLEGAL_TRANSITION' });
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

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from '@temporalio/client';
import { pino } from 'pino';
import { v7 as newId } from 'uuid';
import { createDispatcher } from '../../adapters/temporal/dispatcher';
import { type CommandSender, createCommandSender, type SentCommand } from '../../api/commands/commandSender';
import { connectTemporal, createWorkflowUpdates } from '../../api/commands/workflowUpdates';
import type { Step } from '../../domain/delivery/status';
import { answerFromRow } from '../../services/deliveries/deliveryEvents';
import { COMMANDS, type Traced } from '../../workflows/contract';
import { createTemporalWorld, type TemporalWorld } from '../support/temporalWorld';
import { MERCHANT } from '../support/dispatchWorld';

/** Commands against a real Temporal server, whose errors cannot be mocked faithfully. */
let world: TemporalWorld;
beforeAll(async () => {
  world = await createTemporalWorld();
}, 120_000);
afterAll(() => world.close());

function senderThrough(client: Client, timeoutMs = 8_000): CommandSender {
  const { store, limits, features, clock } = world.deps;
  return createCommandSender({
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
  command: COMMANDS.cancelDelivery,
  payload: { by: { kind: 'ops', id: 'olga' }, reason: 'OPS_CANCELLED', correlationId: 'test' } as const,
});

describe('commands through a real Temporal', () => {
  it('get the answer of the workflow, and the same from the row after it ended', async () => {
    const { deliveryId, sellerOrderId } = await world.addDelivery({
      searchAt: new Date(Date.now() + 3_600_000),
    });
    await createDispatcher(world.client, world.db).startDelivery(deliveryId, 'test');
    const commands = senderThrough(world.client);
    const first = await commands.send(cancel(deliveryId, sellerOrderId));
    expect(first).toMatchObject({ outcome: 'moved', status: 'CANCELLED' });
    expect(await commands.send(cancel(deliveryId, sellerOrderId))).toEqual(first);
  });

  it('start the workflow of an open delivery without one', async () => {
    const { deliveryId, sellerOrderId } = await world.addDelivery({
      searchAt: new Date(Date.now() + 3_600_000),
    });
    expect(await senderThrough(world.client).send(cancel(deliveryId, sellerOrderId))).toMatchObject({
      outcome: 'moved',
      status: 'CANCELLED',
    });
  });

  it('apply the commands of ops and drivers, and a repeat by its id once', async () => {
    const cityId = await world.addCity();
    const [one, two] = [await world.addDriver({ cityId }), await world.addDriver({ cityId })];
    const { deliveryId, sellerOrderId } = await world.addDelivery({
      cityId,
      searchAt: new Date(Date.now() + 3_600_000),
    });
    const commands = senderThrough(world.client);
    const by = { kind: 'ops', id: 'olga' } as const;
    const ask = <P extends Traced>(command: SentCommand<P>, payload: NoInfer<P>, updateId = newId()) =>
      commands.send({
        delivery: { deliveryId, merchantId: MERCHANT, sellerOrderId },
        command,
        payload,
        updateId,
      });
    const step = (name: Step) =>
      ask(COMMANDS.takeStep, { step: name, by, deviceAt: null, correlationId: 'test' });
    expect(await ask(COMMANDS.raisePay, { bonusCents: 300, by, why: 'rain', correlationId: 'test' })).toEqual(
      { outcome: 'payRaised', deliveryId, payCents: 1_000 },
    );
    expect(
      await ask(COMMANDS.assignDriver, {
        driverId: one,
        by,
        override: false,
        why: 'near',
        correlationId: 'test',
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
    const handed = await ask(COMMANDS.handOver, args, 'hand-1');
    if (!('outcome' in handed) || handed.outcome !== 'assigned')
      throw new Error(`not handed over: ${JSON.stringify(handed)}`);
    expect(handed.driverId).toBe(two);
    expect(await ask(COMMANDS.handOver, args, 'hand-1')).toEqual(handed);
    expect(
      await ask(COMMANDS.leaveDelivery, {
        driverId: two,
        assignmentId: handed.assignmentId,
        reason: 'EMERGENCY',
        correlationId: 'test',
      }),
    ).toMatchObject({ outcome: 'escalated' });
    expect(await ask(COMMANDS.resumeSearch, { by, why: 'go on', correlationId: 'test' })).toMatchObject({
      refused: 'ILLEGAL_TRANSITION',
    });
    expect(
      await ask(COMMANDS.failDelivery, {
        by,
        reason: 'VEHICLE_BREAKDOWN',
        goods: 'LOST',
        correlationId: 'test',
      }),
    ).toMatchObject({ outcome: 'moved', status: 'FAILED' });
  });

  it('repeat the first answer by idempotency key after the delivery is closed', async () => {
    const cityId = await world.addCity();
    const driverId = await world.addDriver({ cityId });
    const { deliveryId, sellerOrderId } = await world.addDelivery({
      cityId,
      searchAt: new Date(Date.now() + 3_600_000),
    });
    const commands = senderThrough(world.client);
    const by = { kind: 'ops', id: 'olga' } as const;
    const ask = <P extends Traced>(
      command: SentCommand<P>,
      payload: NoInfer<P>,
      { updateId, isSettled = false }: { updateId: string; isSettled?: boolean },
    ) =>
      commands.send({
        delivery: { deliveryId, merchantId: MERCHANT, sellerOrderId },
        updateId,
        command,
        payload,
        isSettled,
        firstUpdateId: updateId,
      });
    const assign = (updateId: string, isSettled = false) =>
      ask(
        COMMANDS.assignDriver,
        { driverId, by, override: false, why: 'near', correlationId: 'test' },
        { updateId, isSettled },
      );
    const first = await assign('assign-1');
    expect(first).toMatchObject({ outcome: 'assigned', driverId });
    for (const step of ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'] as const)
      await ask(COMMANDS.takeStep, { step, by, deviceAt: null, correlationId: 'test' }, { updateId: step });
    expect(await assign('assign-1', true)).toEqual(first);
    expect(await assign('assign-2', true)).toMatchObject({ refused: 'ILLEGAL_TRANSITION' });
  });

  it('decide between a change of the order and the pickup by their order', async () => {
    const commands = senderThrough(world.client);
    const by = { kind: 'ops', id: 'olga' } as const;
    const race = async (isChangeFirst: boolean): Promise<string> => {
      const cityId = await world.addCity();
      const driverId = await world.addDriver({ cityId });
      const { deliveryId, sellerOrderId } = await world.addDelivery({ cityId });
      const ask = <P extends Traced>(command: SentCommand<P>, payload: NoInfer<P>) =>
        commands.send({
          delivery: { deliveryId, merchantId: MERCHANT, sellerOrderId },
          command,
          payload,
          updateId: newId(),
        });
      const step = (name: Step) =>
        ask(COMMANDS.takeStep, { step: name, by, deviceAt: null, correlationId: 'test' });
      const given = { driverId, by, override: false, why: 'near', correlationId: 'test' };
      await ask(COMMANDS.assignDriver, given);
      await step('arriveAtPickup');
      const { id: changeId } = await world.db.orderChange.create({
        data: {
          id: newId(),
          deliveryId,
          requestKey: 'race',
          content: { pickup: {}, dropoff: { notes: 'ring twice' } },
        },
      });
      const change = () => ask(COMMANDS.changeOrder, { changeId, by, correlationId: 'test' });
      const pickUp = () => step('pickUp');
      const [changed, pickedUp] = isChangeFirst
        ? await Promise.all([change(), pickUp()])
        : await Promise.all([pickUp(), change()]).then(([two, one]) => [one, two] as const);
      expect(pickedUp).toMatchObject({ outcome: 'moved', status: 'PICKED_UP' });
      const trail = await world.db.auditEntry.findMany({ where: { deliveryId }, orderBy: { id: 'asc' } });
      const [changedAt, pickedUpAt] = [
        trail.findIndex(({ kind }) => kind === 'order_changed'),
        trail.findIndex(({ toState }) => toState === 'PICKED_UP'),
      ];
      const { notes } = await world.db.stop.findFirstOrThrow({ where: { deliveryId, kind: 'DROPOFF' } });
      const isRefused = 'refused' in changed;
      if (isRefused) expect([changed.refused, changedAt, notes]).toEqual(['ILLEGAL_TRANSITION', -1, null]);
      else expect([changedAt >= 0 && changedAt < pickedUpAt, notes]).toEqual([true, 'ring twice']);
      return isRefused ? 'too late' : 'in time';
    };
    const outcomes = await Promise.all(Array.from({ length: 12 }, (_, index) => race(index % 2 === 0)));
    expect(new Set(outcomes)).toEqual(new Set(['in time', 'too late']));
  });

  it('return 503 in time while Temporal is unavailable', async () => {
    const connection = connectTemporal({ address: '127.0.0.1:1' });
    const begun = Date.now();
    const asking = senderThrough(new Client({ connection }), 500).send(cancel(newId(), 'away'));
    await expect(asking).rejects.toMatchObject({ code: 'NOT_ANSWERED_IN_TIME' });
    expect(Date.now() - begun).toBeLessThan(2_000);
    await connection.close();
  });
});

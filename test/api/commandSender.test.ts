import { describe, expect, it } from '@jest/globals';
import { ApplicationFailure, WorkflowNotFoundError } from '@temporalio/common';
import {
  ServiceError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { pino } from 'pino';
import {
  type CommandSender,
  createCommandSender,
  type WorkflowUpdates,
} from '../../api/commands/commandSender';
import type { Answer } from '../../domain/delivery/deliveryState';
import type { CommandEvent } from '../../domain/delivery/events';
import { COMMANDS } from '../../workflows/contract';

const ACCEPTED: Answer = { outcome: 'accepted', deliveryId: 'd', offerId: 'o', assignmentId: 'a', at: 1 };
const SENDING = {
  delivery: { deliveryId: 'd', merchantId: 'bakery & sons', sellerOrderId: 'order/1' },
  command: COMMANDS.acceptOffer,
  payload: { offerId: 'o', driverId: 'r', correlationId: 'c' },
  updateId: 'accept/o/r',
};

/** As gRPC's errors come through Temporal's client: in the cause of a ServiceError. */
function grpc(code: number): ServiceError {
  return new ServiceError('Workflow Update failed', {
    cause: Object.assign(new Error('grpc'), { code, details: 'grpc', metadata: {} }),
  });
}

const failed = (type: string): WorkflowUpdateFailedError =>
  new WorkflowUpdateFailedError('Workflow Update failed', ApplicationFailure.nonRetryable('x', type));
const tooLate = new WorkflowUpdateRPCTimeoutOrCancelledError('too late');

type World = {
  commands: CommandSender;
  asked: { workflowId: string; updateId: string }[];
  recalled: string[];
  rowAsked: CommandEvent[];
  started: string[];
};

/** Temporal says these things one after another, the last one for ever. */
function world(
  says: (Error | Answer)[],
  { row = null, timeoutMs = 5_000 }: { row?: Answer | null | Error; timeoutMs?: number } = {},
): World {
  const seen: Omit<World, 'commands'> = { asked: [], recalled: [], rowAsked: [], started: [] };
  const say = (times: number): Answer => {
    const said = says[Math.min(times, says.length) - 1];
    if (said === undefined) throw new Error('asked, with nothing to say');
    if (said instanceof Error) throw said;
    return said;
  };
  const updates: WorkflowUpdates = {
    recall: async (_workflowId, updateId) => say(seen.recalled.push(updateId)),
    execute: async (workflowId, { updateId }) => {
      return say(seen.asked.push({ workflowId, updateId }));
    },
  };
  const commands = createCommandSender({
    updates,
    timeoutMs,
    log: pino({ level: 'silent' }),
    startDelivery: async (deliveryId) => void seen.started.push(deliveryId),
    answerFromRow: async (_deliveryId, event) => {
      seen.rowAsked.push(event);
      if (row instanceof Error) throw row;
      return row;
    },
  });
  return { commands, ...seen };
}

describe('the answer of a workflow', () => {
  it('comes as it was given, a refusal as a value', async () => {
    const refused: Answer = { refused: 'OFFER_EXPIRED', detail: 'the offer expired' };
    expect(await world([ACCEPTED]).commands.send(SENDING)).toEqual(ACCEPTED);
    expect(await world([refused]).commands.send(SENDING)).toEqual(refused);
  });

  it('is asked for under the id made from merchant and key', async () => {
    const { commands, asked } = world([ACCEPTED]);
    await commands.send(SENDING);
    expect(asked).toEqual([{ workflowId: 'delivery/bakery%20%26%20sons/order%2F1', updateId: 'accept/o/r' }]);
  });

  it.each([
    ['UNAVAILABLE', grpc(14)],
    ['FAILED_PRECONDITION', grpc(9)],
    ['DEADLINE_EXCEEDED', grpc(4)],
    ['RESOURCE_EXHAUSTED', grpc(8)],
    ['a time-out of the call', tooLate],
    ['an update that the server says was not processed', failed('UnprocessedUpdate')],
  ])('after %s is asked for again under the same id', async (_what, error) => {
    const { commands, asked } = world([error, error, ACCEPTED]);
    expect(await commands.send(SENDING)).toEqual(ACCEPTED);
    expect(asked.map(({ updateId }) => updateId)).toEqual(['accept/o/r', 'accept/o/r', 'accept/o/r']);
  });

  it.each([
    ['no such workflow', new WorkflowNotFoundError('workflow execution already completed', 'w', undefined)],
    ['a delivery that is closed', failed('CLOSED')],
    ['a workflow that ended with the update in hand', failed('AcceptedUpdateCompletedWorkflow')],
  ])('where there is %s is the row’s', async (_what, error) => {
    const { commands, asked, rowAsked, started } = world([error], { row: ACCEPTED });
    expect(await commands.send(SENDING)).toEqual(ACCEPTED);
    expect(asked).toHaveLength(1);
    expect(rowAsked).toEqual([{ kind: 'acceptOffer', offerId: 'o', driverId: 'r' }]);
    expect(started).toEqual([]);
  });

  it('of an open delivery without a workflow comes after that was started', async () => {
    const { commands, started } = world([new WorkflowNotFoundError('not found', 'w', undefined), ACCEPTED], {
      row: null,
    });
    expect(await commands.send(SENDING)).toEqual(ACCEPTED);
    expect(started).toEqual(['d']);
  });

  it('is taken from the row at once where it is known to lie there', async () => {
    const { commands, asked } = world([grpc(14)], { row: ACCEPTED });
    expect(await commands.send({ ...SENDING, isSettled: true })).toEqual(ACCEPTED);
    expect(asked).toEqual([]);
  });

  describe('to a wish with a key that the row refuses by now', () => {
    const REFUSED: Answer = { refused: 'ILLEGAL_TRANSITION', detail: 'the delivery is DELIVERED' };
    const REPEATED = { ...SENDING, isSettled: true, firstUpdateId: 'key-1' };

    it('is the first one, which is looked up and asked of nobody', async () => {
      const { commands, asked, recalled } = world([grpc(14), ACCEPTED], { row: REFUSED });
      expect(await commands.send(REPEATED)).toEqual(ACCEPTED);
      expect([recalled, asked]).toEqual([['key-1', 'key-1'], []]);
    });

    it.each([
      ['there was none', new WorkflowNotFoundError('update not found', 'w', undefined)],
      ['the first one was a fault', failed('ImpossibleEvent')],
      ['it was too late then, too', failed('CLOSED')],
    ])('is the refusal where %s', async (_what, error) => {
      const { commands, asked } = world([error], { row: REFUSED });
      expect(await commands.send(REPEATED)).toEqual(REFUSED);
      expect(asked).toEqual([]);
    });

    it('is 503 while nobody can know', async () => {
      await expect(
        world([grpc(14)], { row: REFUSED, timeoutMs: 200 }).commands.send(REPEATED),
      ).rejects.toMatchObject({ code: 'NOT_ANSWERED_IN_TIME' });
    });

    it('is the refusal at once where it has no key', async () => {
      const { commands, recalled } = world([ACCEPTED], { row: REFUSED });
      expect(await commands.send({ ...REPEATED, firstUpdateId: null })).toEqual(REFUSED);
      expect(recalled).toEqual([]);
    });
  });

  it.each([
    ['unavailable', grpc(14), null],
    ['gone, and the database away', failed('CLOSED'), new Error('away')],
  ])('that does not come in time, Temporal being %s, is 503, safe to retry', async (_what, error, row) => {
    const begun = Date.now();
    const asking = world([error], { timeoutMs: 200, row }).commands.send(SENDING);
    await expect(asking).rejects.toMatchObject({
      code: 'NOT_ANSWERED_IN_TIME',
      status: 503,
      headers: { 'Retry-After': '1' },
      detail: expect.stringContaining('safe to retry'),
    });
    expect(Date.now() - begun).toBeLessThan(2_000);
  });

  it('is not waited for beyond the time, even if the call never ends', async () => {
    const commands = createCommandSender({
      updates: { execute: () => new Promise(() => {}), recall: () => new Promise(() => {}) },
      timeoutMs: 50,
      log: pino({ level: 'silent' }),
      startDelivery: async () => {},
      answerFromRow: async () => null,
    });
    await expect(commands.send(SENDING)).rejects.toMatchObject({ code: 'NOT_ANSWERED_IN_TIME' });
  });

  it.each([
    ['a fault in the workflow', failed('TypeError')],
    ['a call that is not allowed', grpc(7)],
    ['a fault of ours', new TypeError('oops')],
  ])('that is %s is not asked for again', async (_what, error) => {
    const { commands, asked } = world([error]);
    await expect(commands.send(SENDING)).rejects.toBe(error);
    expect(asked).toHaveLength(1);
  });
});

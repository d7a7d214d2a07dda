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

/** A gRPC error in the form of the Temporal client: the cause of a ServiceError. */
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
  rowEvents: CommandEvent[];
  started: string[];
};

/** Temporal gives these replies one after another, and repeats the last one. */
function world(
  replies: (Error | Answer)[],
  { row = null, timeoutMs = 5_000 }: { row?: Answer | null | Error; timeoutMs?: number } = {},
): World {
  const seen: Omit<World, 'commands'> = { asked: [], recalled: [], rowEvents: [], started: [] };
  const replyTo = (calls: number): Answer => {
    const reply = replies[Math.min(calls, replies.length) - 1];
    if (reply === undefined) throw new Error('called without a reply');
    if (reply instanceof Error) throw reply;
    return reply;
  };
  const updates: WorkflowUpdates = {
    recall: async (_workflowId, updateId) => replyTo(seen.recalled.push(updateId)),
    execute: async (workflowId, { updateId }) => {
      return replyTo(seen.asked.push({ workflowId, updateId }));
    },
  };
  const commands = createCommandSender({
    updates,
    timeoutMs,
    log: pino({ level: 'silent' }),
    startDelivery: async (deliveryId) => void seen.started.push(deliveryId),
    answerFromRow: async (_deliveryId, event) => {
      seen.rowEvents.push(event);
      if (row instanceof Error) throw row;
      return row;
    },
  });
  return { commands, ...seen };
}

describe('the answer of a workflow', () => {
  it('is returned unchanged, a refusal as a value', async () => {
    const refused: Answer = { refused: 'OFFER_EXPIRED', detail: 'the offer expired' };
    expect(await world([ACCEPTED]).commands.send(SENDING)).toEqual(ACCEPTED);
    expect(await world([refused]).commands.send(SENDING)).toEqual(refused);
  });

  it('is requested under the workflow id of merchant and key', async () => {
    const { commands, asked } = world([ACCEPTED]);
    await commands.send(SENDING);
    expect(asked).toEqual([{ workflowId: 'delivery/bakery%20%26%20sons/order%2F1', updateId: 'accept/o/r' }]);
  });

  it.each([
    ['UNAVAILABLE', grpc(14)],
    ['FAILED_PRECONDITION', grpc(9)],
    ['DEADLINE_EXCEEDED', grpc(4)],
    ['RESOURCE_EXHAUSTED', grpc(8)],
    ['a call time-out', tooLate],
    ['an unprocessed update', failed('UnprocessedUpdate')],
  ])('after %s is requested again under the same id', async (_what, error) => {
    const { commands, asked } = world([error, error, ACCEPTED]);
    expect(await commands.send(SENDING)).toEqual(ACCEPTED);
    expect(asked.map(({ updateId }) => updateId)).toEqual(['accept/o/r', 'accept/o/r', 'accept/o/r']);
  });

  it.each([
    ['no such workflow', new WorkflowNotFoundError('workflow execution already completed', 'w', undefined)],
    ['a closed delivery', failed('CLOSED')],
    ['a workflow that ended during the update', failed('AcceptedUpdateCompletedWorkflow')],
  ])('for %s comes from the row', async (_what, error) => {
    const { commands, asked, rowEvents, started } = world([error], { row: ACCEPTED });
    expect(await commands.send(SENDING)).toEqual(ACCEPTED);
    expect(asked).toHaveLength(1);
    expect(rowEvents).toEqual([{ kind: 'acceptOffer', offerId: 'o', driverId: 'r' }]);
    expect(started).toEqual([]);
  });

  it('of an open delivery without a workflow comes after its start', async () => {
    const { commands, started } = world([new WorkflowNotFoundError('not found', 'w', undefined), ACCEPTED], {
      row: null,
    });
    expect(await commands.send(SENDING)).toEqual(ACCEPTED);
    expect(started).toEqual(['d']);
  });

  it('comes from the row at once if the delivery is settled', async () => {
    const { commands, asked } = world([grpc(14)], { row: ACCEPTED });
    expect(await commands.send({ ...SENDING, isSettled: true })).toEqual(ACCEPTED);
    expect(asked).toEqual([]);
  });

  describe('to a request with a key that the row now refuses', () => {
    const REFUSED: Answer = { refused: 'ILLEGAL_TRANSITION', detail: 'the delivery is DELIVERED' };
    const REPEATED = { ...SENDING, isSettled: true, firstUpdateId: 'key-1' };

    it('is the first answer, recalled without a new update', async () => {
      const { commands, asked, recalled } = world([grpc(14), ACCEPTED], { row: REFUSED });
      expect(await commands.send(REPEATED)).toEqual(ACCEPTED);
      expect([recalled, asked]).toEqual([['key-1', 'key-1'], []]);
    });

    it.each([
      ['there was no first update', new WorkflowNotFoundError('update not found', 'w', undefined)],
      ['the first update failed', failed('ImpossibleEvent')],
      ['the first update was too late', failed('CLOSED')],
    ])('is the refusal if %s', async (_what, error) => {
      const { commands, asked } = world([error], { row: REFUSED });
      expect(await commands.send(REPEATED)).toEqual(REFUSED);
      expect(asked).toEqual([]);
    });

    it('is 503 while the first answer is unknown', async () => {
      await expect(
        world([grpc(14)], { row: REFUSED, timeoutMs: 200 }).commands.send(REPEATED),
      ).rejects.toMatchObject({ code: 'NOT_ANSWERED_IN_TIME' });
    });

    it('is the refusal at once without a key', async () => {
      const { commands, recalled } = world([ACCEPTED], { row: REFUSED });
      expect(await commands.send({ ...REPEATED, firstUpdateId: null })).toEqual(REFUSED);
      expect(recalled).toEqual([]);
    });
  });

  it.each([
    ['unavailable', grpc(14), null],
    ['closed and the database unavailable', failed('CLOSED'), new Error('away')],
  ])('that is late, with Temporal %s, is 503 with Retry-After', async (_what, error, row) => {
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

  it('is not awaited beyond the time-out, even if the call never ends', async () => {
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
    ['an error in the workflow', failed('TypeError')],
    ['a call without permission', grpc(7)],
    ['an internal error', new TypeError('oops')],
  ])('that is %s is not retried', async (_what, error) => {
    const { commands, asked } = world([error]);
    await expect(commands.send(SENDING)).rejects.toBe(error);
    expect(asked).toHaveLength(1);
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import pTimeout from 'p-timeout';
import type { Logger } from 'pino';
import { Histogram } from 'prom-client';
import { type Answer, isRefusal } from '../../domain/delivery/deliveryState';
import type { CommandEvent } from '../../domain/delivery/events';
import { type Command, deliveryWorkflowId, type Traced } from '../../workflows/contract';
import { Problem } from '../http/problems';
import { meaningOf } from './updateErrors';

/** What of a command sending needs; its update id is made before. */
export type SentCommand<Payload extends Traced> = Pick<
  Command<Payload, never>,
  'name' | 'update' | 'eventOf'
>;

/** Whose workflow is asked. */
export type TargetDelivery = { deliveryId: string; merchantId: string; sellerOrderId: string };

/** One command to one delivery. */
export type Sending<Payload extends Traced> = {
  delivery: TargetDelivery;
  command: SentCommand<Payload>;
  payload: NoInfer<Payload>;
  /** The same for every retry of one request, so that it happens once. */
  updateId: string;
  /** The row already holds the answer, as far as we know: it is asked first. */
  isSettled?: boolean;
  /**
   * The id under which the caller, who gave the request a key, may have been answered before: where the row
   * refuses it by now, the workflow may still know the first answer.
   */
  firstAnswerUnder?: string | null;
};

/** Sends one update and waits for its answer. Throws what Temporal's client throws. */
export interface WorkflowUpdates {
  /** @param deadlineAt epoch ms */
  execute<Payload extends Traced>(
    workflowId: string,
    update: Pick<Sending<Payload>, 'command' | 'payload' | 'updateId'>,
    deadlineAt: number,
  ): Promise<Answer>;
  /**
   * What was answered under this id by the workflow's newest run. Asks nobody anything: where there was no
   * such update, it throws as where there is no such workflow.
   */
  recall(workflowId: string, updateId: string, deadlineAt: number): Promise<Answer>;
}

export type CommandSenderDeps = {
  updates: WorkflowUpdates;
  /** The answer that the row already holds; null where the row would have to change for it. */
  answerFromRow: (deliveryId: string, event: CommandEvent) => Promise<Answer | null>;
  /** Starts the delivery's workflow where none runs. May be repeated. */
  startDelivery: (deliveryId: string, correlationId: string) => Promise<void>;
  timeoutMs: number;
  log: Logger;
};

export interface CommandSender {
  /**
   * @returns the true outcome, or a refusal as a value
   * @throws Problem NOT_ANSWERED_IN_TIME: nobody knows yet, the same request may be sent again
   */
  send<Payload extends Traced>(sending: Sending<Payload>): Promise<Answer>;
}

const answerSeconds = new Histogram({
  name: 'workflow_answer_seconds',
  help: 'How long callers waited for the answer of a delivery, by what was asked and what came of it',
  labelNames: ['question', 'result'] as const,
  buckets: [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 4, 8],
});

/**
 * Sends commands to the workflows of deliveries, which may be busy, away, closed or gone.
 * docs/architecture.md#the-way-of-one-delivery, step 5.
 */
export function createCommandSender(deps: CommandSenderDeps): CommandSender {
  return {
    send: async (sending) => {
      const stop = answerSeconds.startTimer({ question: sending.command.name });
      try {
        const answer = await answerInTime(deps, sending);
        stop({ result: isRefusal(answer) ? answer.refused : answer.outcome });
        return answer;
      } catch (error) {
        stop({ result: error instanceof Problem ? error.code : 'FAULT' });
        throw error;
      }
    },
  };
}

async function answerInTime<Payload extends Traced>(
  deps: CommandSenderDeps,
  sending: Sending<Payload>,
): Promise<Answer> {
  const deadlineAt = Date.now() + deps.timeoutMs;
  const settled = sending.isSettled === true ? await askRow(deps, sending) : null;
  if (!settled) return untilAnswered(() => sendOnce(deps, sending, deadlineAt), deadlineAt);
  const { firstAnswerUnder: updateId = null, delivery } = sending;
  return isRefusal(settled) && updateId !== null
    ? untilAnswered(() => recallOnce(deps, { delivery, updateId, refused: settled }, deadlineAt), deadlineAt)
    : settled;
}

async function untilAnswered(ask: () => Promise<Answer | 'later'>, deadlineAt: number): Promise<Answer> {
  for (let attempt = 0; ; attempt++) {
    const heard = await ask();
    if (heard !== 'later') return heard;
    const pauseMs = backoffMs(attempt);
    if (Date.now() + pauseMs >= deadlineAt) throw notInTime();
    await sleep(pauseMs);
  }
}

/** The first answer to a request that is refused by now; the refusal where there was none. */
async function recallOnce(
  deps: CommandSenderDeps,
  { delivery, updateId, refused }: { delivery: TargetDelivery; updateId: string; refused: Answer },
  deadlineAt: number,
): Promise<Answer | 'later'> {
  try {
    return await before(deadlineAt, deps.updates.recall(workflowIdOf(delivery), updateId, deadlineAt));
  } catch (error) {
    const meaning = meaningOf(error);
    const { deliveryId } = delivery;
    deps.log.debug({ err: error, deliveryId, updateId }, `no first answer: ${meaning}`);
    return meaning === 'later' ? 'later' : refused;
  }
}

/** The workflow's answer; the row's where the run is over. */
async function sendOnce<Payload extends Traced>(
  deps: CommandSenderDeps,
  sending: Sending<Payload>,
  deadlineAt: number,
): Promise<Answer | 'later'> {
  const { delivery, command, updateId } = sending;
  try {
    return await before(deadlineAt, deps.updates.execute(workflowIdOf(delivery), sending, deadlineAt));
  } catch (error) {
    const meaning = meaningOf(error);
    if (meaning === 'fault') throw error;
    deps.log.debug(
      { err: error, deliveryId: delivery.deliveryId, command: command.name, updateId },
      `no answer from the workflow: ${meaning}`,
    );
    return meaning === 'over' ? ((await askRow(deps, sending)) ?? startAgain(deps, sending)) : 'later';
  }
}

function workflowIdOf({ merchantId, sellerOrderId }: TargetDelivery): string {
  return deliveryWorkflowId(merchantId, sellerOrderId);
}

/** Null also while the database is away: then nobody knows. */
async function askRow<Payload extends Traced>(
  { answerFromRow, log }: CommandSenderDeps,
  { delivery: { deliveryId }, command, payload }: Sending<Payload>,
): Promise<Answer | null> {
  try {
    return await answerFromRow(deliveryId, command.eventOf(payload));
  } catch (error) {
    log.warn({ err: error, deliveryId }, 'the row could not be asked');
    return null;
  }
}

/**
 * The delivery is open, but nothing runs for it: never started yet, or terminated by hand. A run begins from
 * the row.
 */
async function startAgain<Payload extends Traced>(
  { startDelivery, log }: CommandSenderDeps,
  { delivery: { deliveryId }, payload }: Sending<Payload>,
): Promise<'later'> {
  try {
    await startDelivery(deliveryId, payload.correlationId);
  } catch (error) {
    log.warn({ err: error, deliveryId }, 'the workflow could not be started; trying again');
  }
  return 'later';
}

/** Nobody waits beyond the deadline, whatever the call does. */
function before<T>(deadlineAt: number, call: Promise<T>): Promise<T> {
  return pTimeout(call, {
    milliseconds: Math.max(1, deadlineAt - Date.now()),
    fallback: () => {
      throw notInTime();
    },
  });
}

function notInTime(): Problem {
  const detail =
    'there was no answer in time; safe to retry: the same request gets the answer of the first one';
  return new Problem('NOT_ANSWERED_IN_TIME', detail, { headers: { 'Retry-After': '1' } });
}

/** 50 ms, doubling to 800 ms, each spread by half, so that many callers do not come back at once. */
function backoffMs(attempt: number): number {
  return Math.min(800, 50 * 2 ** attempt) * (0.5 + Math.random() / 2);
}

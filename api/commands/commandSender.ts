import { setTimeout as sleep } from 'node:timers/promises';
import pTimeout from 'p-timeout';
import type { Logger } from 'pino';
import { Histogram } from 'prom-client';
import { type Answer, isRefusal } from '../../domain/delivery/deliveryState';
import type { CommandEvent } from '../../domain/delivery/events';
import { type Command, deliveryWorkflowId, type Traced } from '../../workflows/contract';
import { Problem } from '../http/problems';
import { meaningOf } from './updateErrors';

/** The part of a command that the sender needs. The update id is made before. */
export type SentCommand<Payload extends Traced> = Pick<
  Command<Payload, never>,
  'name' | 'update' | 'eventOf'
>;

/** The delivery whose workflow gets the command. */
export type TargetDelivery = { deliveryId: string; merchantId: string; sellerOrderId: string };

/** One command to one delivery. */
export type Sending<Payload extends Traced> = {
  delivery: TargetDelivery;
  command: SentCommand<Payload>;
  payload: NoInfer<Payload>;
  /** The same for every retry of a request, so that the command is applied once. */
  updateId: string;
  /** The row probably has the answer already, so it is read first. */
  isSettled?: boolean;
  /**
   * The update id of a request with an idempotency key. If the row now refuses the command, the workflow may
   * still have the first answer under this id.
   */
  firstUpdateId?: string | null;
};

/** Sends one update and waits for its result. Throws the errors of the Temporal client. */
export interface WorkflowUpdates {
  /** @param deadlineAt epoch ms */
  execute<Payload extends Traced>(
    workflowId: string,
    update: Pick<Sending<Payload>, 'command' | 'payload' | 'updateId'>,
    deadlineAt: number,
  ): Promise<Answer>;
  /**
   * The result of an earlier update of the workflow's newest run. Sends no update: without one of this id, it
   * throws as for a missing workflow.
   */
  recall(workflowId: string, updateId: string, deadlineAt: number): Promise<Answer>;
}

export type CommandSenderDeps = {
  updates: WorkflowUpdates;
  /** The answer that the row already has; null where the command would change the row. */
  answerFromRow: (deliveryId: string, event: CommandEvent) => Promise<Answer | null>;
  /** Starts the delivery's workflow if none runs. Idempotent. */
  startDelivery: (deliveryId: string, correlationId: string) => Promise<void>;
  timeoutMs: number;
  log: Logger;
};

export interface CommandSender {
  /**
   * @returns the outcome, or a refusal as a value
   * @throws Problem NOT_ANSWERED_IN_TIME where the outcome is not known yet; the request may be repeated
   */
  send<Payload extends Traced>(sending: Sending<Payload>): Promise<Answer>;
}

const answerSeconds = new Histogram({
  name: 'workflow_answer_seconds',
  help: 'Time until a delivery answered a command, by command and result',
  labelNames: ['question', 'result'] as const,
  buckets: [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 4, 8],
});

/**
 * Sends commands to the workflows of deliveries, which may be busy, unreachable, closed or gone.
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
  const settled = sending.isSettled === true ? await readAnswer(deps, sending) : null;
  if (!settled) return untilAnswered(() => sendOnce(deps, sending, deadlineAt), deadlineAt);
  const { firstUpdateId: updateId = null, delivery } = sending;
  return isRefusal(settled) && updateId !== null
    ? untilAnswered(() => recallOnce(deps, { delivery, updateId, refused: settled }, deadlineAt), deadlineAt)
    : settled;
}

async function untilAnswered(attempt: () => Promise<Answer | 'later'>, deadlineAt: number): Promise<Answer> {
  for (let attempts = 0; ; attempts++) {
    const answer = await attempt();
    if (answer !== 'later') return answer;
    const pauseMs = backoffMs(attempts);
    if (Date.now() + pauseMs >= deadlineAt) throw notAnsweredInTime();
    await sleep(pauseMs);
  }
}

/** The first answer to a request that the row now refuses; the refusal if there was none. */
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

/** The answer of the workflow, or of the row if the run has ended. */
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
    return meaning === 'over' ? ((await readAnswer(deps, sending)) ?? startWorkflow(deps, sending)) : 'later';
  }
}

function workflowIdOf({ merchantId, sellerOrderId }: TargetDelivery): string {
  return deliveryWorkflowId(merchantId, sellerOrderId);
}

/** Reads the answer from the row. Null also while the database is unavailable, since the answer is unknown then. */
async function readAnswer<Payload extends Traced>(
  { answerFromRow, log }: CommandSenderDeps,
  { delivery: { deliveryId }, command, payload }: Sending<Payload>,
): Promise<Answer | null> {
  try {
    return await answerFromRow(deliveryId, command.eventOf(payload));
  } catch (error) {
    log.warn({ err: error, deliveryId }, 'reading the answer from the row failed');
    return null;
  }
}

/**
 * The delivery is open but has no running workflow: it was never started, or it was terminated by hand. A new run
 * starts from the row.
 */
async function startWorkflow<Payload extends Traced>(
  { startDelivery, log }: CommandSenderDeps,
  { delivery: { deliveryId }, payload }: Sending<Payload>,
): Promise<'later'> {
  try {
    await startDelivery(deliveryId, payload.correlationId);
  } catch (error) {
    log.warn({ err: error, deliveryId }, 'starting the workflow failed; retrying');
  }
  return 'later';
}

/** Limits the wait for a call, even for one that never ends. */
function before<T>(deadlineAt: number, call: Promise<T>): Promise<T> {
  return pTimeout(call, {
    milliseconds: Math.max(1, deadlineAt - Date.now()),
    fallback: () => {
      throw notAnsweredInTime();
    },
  });
}

function notAnsweredInTime(): Problem {
  const detail = 'no answer in time; it is safe to retry: the same request gets the same answer';
  return new Problem('NOT_ANSWERED_IN_TIME', detail, { headers: { 'Retry-After': '1' } });
}

/** 50 ms, doubling to 800 ms. Up to half is random, so that many callers do not retry at once. */
function backoffMs(attempt: number): number {
  return Math.min(800, 50 * 2 ** attempt) * (0.5 + Math.random() / 2);
}

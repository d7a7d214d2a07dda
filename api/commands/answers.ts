import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure, WorkflowNotFoundError } from '@temporalio/common';
import {
  isGrpcServiceError,
  ServiceError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { Histogram } from 'prom-client';
import type { Logger } from 'pino';
import { type AskedHandOver, type DeliveryEvent } from '../../domain/delivery/events';
import { type Answer, isRefusal } from '../../domain/delivery/deliveryState';
import {
  type AcceptOffer,
  type AssignDriver,
  type CancelDelivery,
  CLOSED,
  deliveryWorkflowId,
  type FailDelivery,
  type HandOver,
  type LeaveDelivery,
  type RaisePay,
  type RejectOffer,
  type RescueDelivery,
  type ResumeSearch,
  type TakeStep,
} from '../../workflows/contract';
import { Problem } from '../http/problems';

/** What a delivery's workflow can be asked. */
export type Question =
  | { kind: 'acceptOffer'; args: AcceptOffer }
  | { kind: 'rejectOffer'; args: RejectOffer }
  | { kind: 'takeStep'; args: TakeStep }
  | { kind: 'failDelivery'; args: FailDelivery }
  | { kind: 'cancelDelivery'; args: CancelDelivery }
  | { kind: 'assignDriver'; args: AssignDriver }
  | { kind: 'handOver'; args: HandOver }
  | { kind: 'leaveDelivery'; args: LeaveDelivery }
  | { kind: 'rescueDelivery'; args: RescueDelivery }
  | { kind: 'raisePay'; args: RaisePay }
  | { kind: 'resumeSearch'; args: ResumeSearch };

/** The same as an event, as the row is asked. */
export type AskedEvent =
  Exclude<Extract<DeliveryEvent, { kind: Question['kind'] }>, { kind: 'handOver' }> | AskedHandOver;

/** Whose workflow is asked. */
export type AskedDelivery = { deliveryId: string; merchantId: string; sellerOrderId: string };

export type Asking = {
  delivery: AskedDelivery;
  question: Question;
  /** The same for every retry of one wish, so that it happens once. */
  updateId: string;
  /** The row already holds the answer, as far as we know: it is asked first. */
  isSettled?: boolean;
  /**
   * The id under which the caller, who gave the wish a key, may have been answered before: where the row
   * refuses it by now, the workflow may still know the first answer.
   */
  firstAnswerUnder?: string | null;
};

/** Sends one update and waits for its answer. Throws what Temporal's client throws. */
export interface WorkflowUpdates {
  /** @param deadlineAt epoch ms */
  execute(workflowId: string, question: Question, updateId: string, deadlineAt: number): Promise<Answer>;
  /**
   * What was answered under this id by the workflow's newest run. Asks nobody anything: where there was no
   * such update, it throws as where there is no such workflow.
   */
  recall(workflowId: string, updateId: string, deadlineAt: number): Promise<Answer>;
}

export type AnswersDeps = {
  updates: WorkflowUpdates;
  /** The answer that the row already holds; null where the row would have to change for it. */
  answerFromRow: (deliveryId: string, event: AskedEvent) => Promise<Answer | null>;
  /** Starts the delivery's workflow where none runs. May be repeated. */
  startDelivery: (deliveryId: string, correlationId: string) => Promise<void>;
  timeoutMs: number;
  log: Logger;
};

export interface Answers {
  /**
   * The true outcome, or a refusal as a value.
   * @throws Problem NOT_ANSWERED_IN_TIME: nobody knows yet, the same request may be sent again
   */
  ask(asking: Asking): Promise<Answer>;
}

const answerSeconds = new Histogram({
  name: 'workflow_answer_seconds',
  help: 'How long callers waited for the answer of a delivery, by what was asked and what came of it',
  labelNames: ['question', 'result'] as const,
  buckets: [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 4, 8],
});

/**
 * Asks workflows, and bears that they are busy, away, closed or gone
 * (docs/architecture.md#the-way-of-one-delivery, step 5).
 */
export function createAnswers(deps: AnswersDeps): Answers {
  return {
    ask: async (asking) => {
      const stop = answerSeconds.startTimer({ question: asking.question.kind });
      try {
        const answer = await askUntilAnswered(deps, asking);
        stop({ result: isRefusal(answer) ? answer.refused : answer.outcome });
        return answer;
      } catch (error) {
        stop({ result: error instanceof Problem ? error.code : 'FAULT' });
        throw error;
      }
    },
  };
}

async function askUntilAnswered(deps: AnswersDeps, asking: Asking): Promise<Answer> {
  const deadlineAt = Date.now() + deps.timeoutMs;
  const settled = asking.isSettled === true ? await askRow(deps, asking) : null;
  if (!settled) return again(() => askOnce(deps, asking, deadlineAt), deadlineAt);
  const { firstAnswerUnder: updateId = null } = asking;
  return isRefusal(settled) && updateId !== null
    ? again(() => recallOnce(deps, asking, updateId, settled, deadlineAt), deadlineAt)
    : settled;
}

async function again(ask: () => Promise<Answer | 'later'>, deadlineAt: number): Promise<Answer> {
  for (let attempt = 0; ; attempt++) {
    const heard = await ask();
    if (typeof heard !== 'string') return heard;
    const pauseMs = backoffMs(attempt);
    if (Date.now() + pauseMs >= deadlineAt) throw notInTime();
    await sleep(pauseMs);
  }
}

/** The first answer to a wish that is refused by now; the refusal where there was none. */
async function recallOnce(
  deps: AnswersDeps,
  { delivery: { deliveryId, merchantId, sellerOrderId } }: Asking,
  updateId: string,
  refused: Answer,
  deadlineAt: number,
): Promise<Answer | 'later'> {
  try {
    return await before(
      deadlineAt,
      deps.updates.recall(deliveryWorkflowId(merchantId, sellerOrderId), updateId, deadlineAt),
    );
  } catch (error) {
    const meaning = meaningOf(error);
    deps.log.debug({ err: error, deliveryId, updateId }, `no first answer: ${meaning}`);
    return meaning === 'later' ? 'later' : refused;
  }
}

/** An answer, or why there is none yet. */
async function askOnce(deps: AnswersDeps, asking: Asking, deadlineAt: number): Promise<Answer | 'later'> {
  try {
    return await before(deadlineAt, execute(deps, asking, deadlineAt));
  } catch (error) {
    const meaning = meaningOf(error);
    if (meaning === 'fault') throw error;
    const {
      delivery: { deliveryId },
      question,
    } = asking;
    deps.log.debug(
      { err: error, deliveryId, question: question.kind, updateId: asking.updateId },
      `no answer from the workflow: ${meaning}`,
    );
    return meaning === 'over' ? ((await askRow(deps, asking)) ?? revive(deps, asking)) : 'later';
  }
}

function execute(
  { updates }: AnswersDeps,
  { delivery, question, updateId }: Asking,
  deadlineAt: number,
): Promise<Answer> {
  return updates.execute(
    deliveryWorkflowId(delivery.merchantId, delivery.sellerOrderId),
    question,
    updateId,
    deadlineAt,
  );
}

/** A question without what only traces it. */
export function eventOf({ kind, args }: Question): AskedEvent {
  switch (kind) {
    case 'acceptOffer':
      return { kind, offerId: args.offerId, driverId: args.driverId };
    case 'rejectOffer':
      return { kind, offerId: args.offerId, driverId: args.driverId, reason: args.reason };
    case 'takeStep':
      return { kind, step: args.step, by: args.by, deviceAt: args.deviceAt };
    case 'failDelivery':
      return { kind, by: args.by, reason: args.reason, goods: args.goods };
    case 'cancelDelivery':
      return { kind, by: args.by, reason: args.reason };
    case 'assignDriver':
      return { kind, driverId: args.driverId, by: args.by, override: args.override, why: args.why };
    case 'handOver':
      return {
        kind,
        driverId: args.driverId,
        by: args.by,
        override: args.override,
        meetingId: args.meetingId,
        why: args.why,
      };
    case 'leaveDelivery':
      return { kind, driverId: args.driverId, assignmentId: args.assignmentId, reason: args.reason };
    case 'rescueDelivery':
      return {
        kind,
        driverId: args.driverId,
        offerId: args.offerId,
        assignmentId: args.assignmentId,
        by: args.by,
        why: args.why,
      };
    case 'raisePay':
      return { kind, bonusCents: args.bonusCents, by: args.by, why: args.why };
    case 'resumeSearch':
      return { kind, by: args.by, why: args.why };
  }
}

/** Null also while the database is away: then nobody knows. */
async function askRow(
  { answerFromRow, log }: AnswersDeps,
  { delivery, question }: Asking,
): Promise<Answer | null> {
  try {
    return await answerFromRow(delivery.deliveryId, eventOf(question));
  } catch (error) {
    log.warn({ err: error, deliveryId: delivery.deliveryId }, 'the row could not be asked');
    return null;
  }
}

/**
 * The delivery is open, but nothing runs for it: never started yet, or terminated by hand. A run begins from
 * the row.
 */
async function revive(
  { startDelivery, log }: AnswersDeps,
  { delivery: { deliveryId }, question }: Asking,
): Promise<'later'> {
  try {
    await startDelivery(deliveryId, question.args.correlationId);
  } catch (error) {
    log.warn({ err: error, deliveryId }, 'the workflow could not be started; trying again');
  }
  return 'later';
}

/** Nobody waits beyond the deadline, whatever the call does. */
async function before<T>(deadlineAt: number, work: Promise<T>): Promise<T> {
  const watch = new AbortController();
  const late = sleep(Math.max(0, deadlineAt - Date.now()), undefined, { signal: watch.signal }).then(() => {
    throw notInTime();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    watch.abort();
    late.catch(() => undefined);
    work.catch(() => undefined);
  }
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

/**
 * What the server puts in place of an answer. `UnprocessedUpdate` comes although the handler ran, when many
 * updates are in flight.
 */
const SERVER_FAILURES = { over: 'AcceptedUpdateCompletedWorkflow', later: 'UnprocessedUpdate' } as const;

/**
 * gRPC statuses that say that the same call will not go better later: INVALID_ARGUMENT, PERMISSION_DENIED,
 * UNIMPLEMENTED, UNAUTHENTICATED.
 */
const HOPELESS: readonly number[] = [3, 7, 12, 16];

/**
 * `over`: no such run, or it ended; `later`: nobody knows, ask again; `fault`: not to be healed by asking.
 */
export function meaningOf(error: unknown): 'over' | 'later' | 'fault' {
  if (error instanceof WorkflowNotFoundError) return 'over';
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return 'later';
  if (error instanceof WorkflowUpdateFailedError) return meaningOfFailure(error.cause);
  if (error instanceof ServiceError) return meaningOfStatus(error.cause);
  return meaningOfStatus(error);
}

function meaningOfFailure(cause: unknown): 'over' | 'later' | 'fault' {
  if (!(cause instanceof ApplicationFailure)) return 'fault';
  if (cause.type === CLOSED || cause.type === SERVER_FAILURES.over) return 'over';
  return cause.type === SERVER_FAILURES.later || isUnknownToWorker(cause) ? 'later' : 'fault';
}

/**
 * While a release is rolled out, a worker of the one before may not know the question yet. The SDK gives that
 * no type.
 */
function isUnknownToWorker({ message }: ApplicationFailure): boolean {
  return message.startsWith('No registered handler for update');
}

function meaningOfStatus(cause: unknown): 'later' | 'fault' {
  return isGrpcServiceError(cause) && !HOPELESS.includes(cause.code) ? 'later' : 'fault';
}

import type { UpdateDefinition } from '@temporalio/common';
import { defineUpdate } from '@temporalio/workflow';
import type { Answer } from '../domain/delivery/deliveryState';
import type { CommandEvent } from '../domain/delivery/events';
import type { RejectReason } from '../domain/delivery/offer';
import type { Actor, ReasonCode, Step } from '../domain/delivery/status';
import type { LeaveReason } from '../domain/driver/loss';

/** The fields that every payload carries for the audit trail. */
export type Traced = { correlationId: string };

/**
 * A command of a delivery. Its name is that of the workflow update, of the event that it becomes, and of the
 * activity that handles the event.
 */
export interface Command<Payload extends Traced, Context, Event = CommandEvent> {
  readonly name: string;
  readonly update: UpdateDefinition<Answer, [Payload]>;
  /** What the update is to the rules: its payload, without what only traces it. */
  eventOf(payload: Payload): Event;
  /** A business fact: a client's retry meets the first try. */
  readonly updateId: (payload: Payload, context: Context) => string;
}

/** Commands by their names. The workflow registers its handlers in this order. */
export type CommandMap = Readonly<
  Record<string, Pick<Command<Traced, never>, 'name' | 'update' | 'eventOf'>>
>;

/** The request that a command comes from. */
export type CommandRequest = {
  deliveryId: string;
  /** Caller and idempotency key; without a key, an id of this request alone. */
  scope: string;
  hasKey: boolean;
};

type AcceptOffer = Traced & { offerId: string; driverId: string };
type RejectOffer = Traced & { offerId: string; driverId: string; reason: RejectReason };
type TakeStep = Traced & { step: Step; by: Actor; deviceAt: number | null };
type FailDelivery = Traced & { by: Actor; reason: ReasonCode; goods: 'RETURN' | 'LOST' };
/** `onlyWaiting`: refused where a driver has the delivery by then. */
type OnlyWaiting = { onlyWaiting?: boolean };
type CancelDelivery = Traced & OnlyWaiting & { by: Actor; reason: ReasonCode };
type AssignDriver = Traced & { driverId: string; by: Actor; override: boolean; why: string };
type HandOver = AssignDriver & { meetingId: string | null };
type LeaveDelivery = Traced & { driverId: string; assignmentId: string; reason: LeaveReason };
export type RescueDelivery = Traced & {
  driverId: string;
  offerId: string | null;
  assignmentId: string | null;
  by: Actor;
  why: string;
};
type RaisePay = Traced & OnlyWaiting & { bonusCents: number; by: Actor; why: string };
type ResumeSearch = Traced & { by: Actor; why: string };
type SearchFarther = Traced & { radiusMeters: number; by: Actor; why: string };
type ChangeOrder = Traced & { changeId: string; by: Actor };

/**
 * Every command of a delivery: its name, its payload, its update id. A refusal comes back as a value of
 * Answer; the update itself fails only if the delivery is closed. A new command goes to the end, so that
 * those that wait before a run has begun keep their order. docs/recipes/add-a-command.md.
 */
export const COMMANDS = {
  acceptOffer: command(
    'acceptOffer',
    ({ offerId, driverId }: AcceptOffer, _: void) => `accept/${offerId}/${driverId}`,
  ),
  rejectOffer: command(
    'rejectOffer',
    ({ offerId, driverId }: RejectOffer, _: void) => `reject/${offerId}/${driverId}`,
  ),
  takeStep: command('takeStep', stepId),
  failDelivery: command('failDelivery', byRequest<FailDelivery>('fail')),
  cancelDelivery: command('cancelDelivery', byRequest<CancelDelivery>('cancel')),
  assignDriver: command('assignDriver', byRequest<AssignDriver>('assign')),
  handOver: command('handOver', byRequest<HandOver>('handOver')),
  leaveDelivery: command('leaveDelivery', leaveId),
  rescueDelivery: command(
    'rescueDelivery',
    (_: RescueDelivery, { rescueId, deliveryId }: { rescueId: string; deliveryId: string }) =>
      `rescue/${rescueId}/${deliveryId}`,
  ),
  raisePay: command('raisePay', byRequest<RaisePay>('raisePay')),
  resumeSearch: command('resumeSearch', byRequest<ResumeSearch>('resumeSearch')),
  changeOrder: command('changeOrder', byRequest<ChangeOrder>('changeOrder')),
  searchFarther: command('searchFarther', byRequest<SearchFarther>('searchFarther')),
} satisfies CommandMap;

function command<Name extends string, Payload extends Traced, Context>(
  name: Name,
  updateId: (payload: Payload, context: Context) => string,
): Command<Payload, Context, Omit<Payload, 'correlationId'> & { kind: Name }> {
  return {
    name,
    update: defineUpdate<Answer, [Payload]>(name),
    eventOf: ({ correlationId: _, ...fields }) => ({ ...fields, kind: name }),
    updateId,
  };
}

/** The same request again is the same command. */
function byRequest<Payload extends Traced>(verb: string) {
  return (_: Payload, request: CommandRequest): string => requestId(verb, request);
}

function requestId(verb: string, { deliveryId, scope }: CommandRequest): string {
  return `${verb}/${deliveryId}/${scope}`;
}

/**
 * By its key a repeat, however late, is the same step. Without one it is the next of that name, in the state
 * in which it was asked: a step refused as too early must not be refused for ever under the same id.
 */
function stepId(
  { step, by }: TakeStep,
  { assignmentId, status, ...request }: CommandRequest & { assignmentId: string | null; status: string },
): string {
  return request.hasKey
    ? requestId('step', request)
    : `step/${step}/${assignmentId ?? 'none'}/${status}/${by.kind}`;
}

/** With the goods in hand each report is a new one, because ops may have resolved the first case long ago. */
function leaveId(
  { assignmentId }: LeaveDelivery,
  { hasGoods, ...request }: CommandRequest & { hasGoods: boolean },
): string {
  if (request.hasKey) return requestId('leave', request);
  return hasGoods ? `leave/${assignmentId}/${request.scope}` : `leave/${assignmentId}`;
}

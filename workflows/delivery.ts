import {
  allHandlersFinished,
  ApplicationFailure,
  condition,
  log,
  makeContinueAsNewFunc,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  Trigger,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { DeliveryActivities } from '../activities/delivery';
import type { IncomingEvent } from '../domain/delivery/events';
import type { EventResult } from '../services/deliveries/deliveryEvents';
import { type Deadline, type DeliverySnapshot, nextDeadline, waitingFor } from '../domain/delivery/deadline';
import type { Answer } from '../domain/delivery/deliveryState';
import {
  ATTEMPT_MS,
  CLOSED,
  COMMANDS,
  type CommandMap,
  type DeliveryInput,
  driverCameFree,
  driverLeft,
  driverProposed,
  driverRescued,
  getSnapshot,
  IMPOSSIBLE,
  offerWithdrawn,
  searchAttributes,
  type Traced,
} from './contract';

const database = proxyLocalActivities<DeliveryActivities>({
  // two of them are well under the workflow task's 5 s, so that none is heartbeated (ADR 8)
  startToCloseTimeout: ATTEMPT_MS,
  localRetryThreshold: '50ms', // each further try waits on a timer, not in a held task (ADR 8)
  retry: { initialInterval: '100ms', maximumInterval: '10s', nonRetryableErrorTypes: [IMPOSSIBLE] },
});

/**
 * The delay before an impossible deadline event is retried: somebody may have repaired the rows, or the code.
 */
const MENDING_MS = 60_000;

type Waiting = { event: IncomingEvent; correlationId: string; answered?: Trigger<Answer> };

/** Not yet read: the first event, a search, reads the row, whatever its state. */
const UNREAD: DeliverySnapshot = {
  status: 'PENDING',
  closed: false,
  driverId: null,
  offers: [],
  searchAgainAt: 0,
  searchRound: 0,
  giveUpAt: null,
  escalationLevel: 0,
};

/** The life of one delivery, from its row in the database to its last state. */
export function delivery(input: DeliveryInput): Promise<DeliverySnapshot['status']> {
  return runDelivery(input, COMMANDS);
}

/**
 * A delivery that takes these commands. One writer: handlers only put into the inbox and wait; this loop takes
 * the next event, or the deadline that is due, runs its one transaction, adopts the snapshot that comes back,
 * and waits (docs/architecture.md#the-way-of-one-delivery).
 */
export async function runDelivery(
  { deliveryId, correlationId }: DeliveryInput,
  commands: CommandMap,
): Promise<DeliverySnapshot['status']> {
  const inbox: Waiting[] = [];
  let snapshot = UNREAD;
  let shownWords = '';
  let notDueBefore = 0;

  const put = (event: IncomingEvent, traced: Traced): void =>
    void inbox.push({ event, correlationId: traced.correlationId });
  const ask = async (event: IncomingEvent, traced: Traced): Promise<Answer> => {
    const answered = new Trigger<Answer>();
    inbox.push({ event, correlationId: traced.correlationId, answered });
    return answered;
  };
  const validator = (_payload: Traced): void => refuseWhenClosed(snapshot);
  // Commands that came before the run began are put into the inbox as their handlers are registered: the order
  // of the map is part of what a history must find again.
  for (const command of Object.values(commands))
    setHandler(command.update, (payload) => ask(command.eventOf(payload), payload), { validator });
  setHandler(driverLeft, ({ driverId, offerId, assignmentId, why, ...traced }) =>
    put({ kind: 'releaseDriver', driverId, offerId, assignmentId, why }, traced),
  );
  setHandler(driverRescued, ({ driverId, offerId, assignmentId, by, why, ...traced }) =>
    put({ kind: 'rescueDelivery', driverId, offerId, assignmentId, by, why }, traced),
  );
  setHandler(offerWithdrawn, (traced) => put({ kind: 'readDelivery' }, traced));
  setHandler(driverCameFree, ({ driverId, passed, ...traced }) =>
    put({ kind: 'lookForDriver', freed: { driverId, passed } }, traced),
  );
  setHandler(driverProposed, ({ correlationId: ofRound, ...proposal }) =>
    put({ kind: 'lookForDriver', freed: null, proposal }, { correlationId: ofRound }),
  );
  setHandler(getSnapshot, () => snapshot);

  while (!snapshot.closed) {
    const due = postponed(nextDeadline(snapshot), notDueBefore);
    if (inbox.length === 0 && Date.now() < (due?.at ?? Infinity)) {
      await somethingHappens(inbox, due);
      continue;
    }
    // The row first, whatever waits: which of both comes first must not depend on how a killed worker's tasks
    // are cut when they are replayed.
    const received = snapshot === UNREAD ? undefined : inbox.shift();
    const next = received ?? ofDeadline(due, correlationId);
    const result = await handleOrRefuse(deliveryId, next);
    if (result) {
      showChange(snapshot, result.known);
      snapshot = result.known;
      const words = waitingFor(snapshot);
      if (words !== shownWords) setCurrentDetails((shownWords = words));
      next.answered?.resolve(result.answer);
    } else if (!received) {
      notDueBefore = Date.now() + MENDING_MS;
      if (snapshot === UNREAD) snapshot = { ...UNREAD }; // it was tried: what waits in the inbox has its turn
    }
    if (isTimeToContinue(inbox, snapshot)) await goOnAsNew({ deliveryId, correlationId });
  }
  await answerTheLate(inbox, deliveryId);
  return snapshot.status;
}

function refuseWhenClosed({ closed, status }: DeliverySnapshot): void {
  if (closed) throw ApplicationFailure.nonRetryable(`the delivery is ${status}`, CLOSED);
}

function postponed(due: Deadline | undefined, notBefore: number): Deadline | undefined {
  return due && { ...due, at: Math.max(due.at, notBefore) };
}

async function somethingHappens(inbox: readonly Waiting[], due: Deadline | undefined): Promise<void> {
  const hasEvent = () => inbox.length > 0;
  if (due) await condition(hasEvent, due.at - Date.now(), { summary: due.why });
  else await condition(hasEvent);
}

function ofDeadline(due: Deadline | undefined, correlationId: string): Waiting {
  if (!due) throw new Error('the delivery woke without an event or a deadline');
  const event: IncomingEvent =
    due.event.kind === 'lookForDriver' ? { kind: 'lookForDriver', freed: null } : due.event;
  return { event, correlationId };
}

/**
 * One transaction for one event.
 * @returns undefined if no retry can succeed: the caller gets the error, and the rest of the inbox is
 *   processed
 */
async function handleOrRefuse(
  deliveryId: string,
  { event, correlationId, answered }: Waiting,
): Promise<EventResult | undefined> {
  try {
    return await database[event.kind]({ deliveryId, correlationId, at: Date.now(), event });
  } catch (error) {
    if (!isImpossible(error)) throw error;
    log.error(`${event.kind} is impossible and was skipped`, { deliveryId, correlationId, error });
    answered?.reject(error);
    return undefined;
  }
}

/** Failures of local activities come as they are, not wrapped. */
function isImpossible(error: unknown): boolean {
  return error instanceof ApplicationFailure && error.type === IMPOSSIBLE;
}

/**
 * Search attributes change with the states that ops search for. The two arrivals are left out, to save an
 * event each.
 */
function showChange(before: DeliverySnapshot, after: DeliverySnapshot): void {
  const shown = (snapshot: DeliverySnapshot) =>
    JSON.stringify(attributesOf(snapshot).map(({ value }) => value));
  if (before === UNREAD ? after.status !== 'PENDING' : shown(before) !== shown(after))
    upsertSearchAttributes(attributesOf(after));
}

function attributesOf(snapshot: DeliverySnapshot) {
  const { deliveryStatus, driverId, offerExpiresAt, escalationLevel } = searchAttributes;
  const offer = snapshot.offers[0];
  const asked = snapshot.offers.length === 1 ? offer?.driverId : undefined; // of a broadcast no one is the one
  const status =
    snapshot.status === 'AT_PICKUP'
      ? 'ASSIGNED'
      : snapshot.status === 'AT_DROPOFF'
        ? 'PICKED_UP'
        : snapshot.status;
  return [
    { key: deliveryStatus, value: status },
    { key: driverId, value: snapshot.driverId ?? asked ?? null },
    { key: offerExpiresAt, value: offer ? new Date(offer.expiresAt) : null },
    { key: escalationLevel, value: snapshot.escalationLevel },
  ];
}

/** Only when the server suggests it, and never while somebody waits for an answer. */
function isTimeToContinue(inbox: readonly Waiting[], snapshot: DeliverySnapshot): boolean {
  return workflowInfo().continueAsNewSuggested && inbox.length === 0 && !snapshot.closed;
}

/**
 * With versioned workers the new run uses the current build. It starts from the row, so that build need not
 * replay this run (ADR 21).
 */
async function goOnAsNew(input: DeliveryInput): Promise<void> {
  await condition(allHandlersFinished);
  await makeContinueAsNewFunc<typeof delivery>({ initialVersioningBehavior: 'AUTO_UPGRADE' })(input);
}

/** Callers during the last event are answered from the row, like callers after the end. */
async function answerTheLate(inbox: Waiting[], deliveryId: string): Promise<void> {
  for (let late = inbox.shift(); late; late = inbox.shift()) {
    const result = await handleOrRefuse(deliveryId, late);
    if (result) late.answered?.resolve(result.answer);
  }
  await condition(allHandlersFinished);
}

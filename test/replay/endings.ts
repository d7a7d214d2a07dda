/** The required coverage of the histories of the current release: every ending, every event, every reason. */
import { AUTOMATIC_EVENTS } from '../../domain/delivery/events';
import { DELIVERY_TRANSITIONS, isClosed, REASON_CODES } from '../../domain/delivery/status';
import { LEAVE_REASONS, LOSS_REASONS } from '../../domain/driver/loss';
import { REJECT_REASONS } from '../../domain/delivery/offer';
import * as contract from '../../workflows/contract';
import type { RecordedHistory } from '../../worker/replayCheck/historyJson';
import { payloadsOf } from './historyFiles';

/** One line for each thing that a history must contain, as `shownBy` names it. */
export function mustBeShown(): string[] {
  return [
    ...DELIVERY_TRANSITIONS.filter(({ to }) => isClosed(to)).map(({ from, to }) => `end ${from} > ${to}`),
    'end SEARCHING > CANCELLED: nobody was found',
    'end continued as new',
    'end none: it runs',
    ...[...Object.keys(AUTOMATIC_EVENTS), ...Object.keys(contract.COMMANDS)].map((kind) => `event ${kind}`),
    ...Object.values(contract.COMMANDS).map(({ name }) => `update ${name}`),
    ...Object.values<unknown>(contract).flatMap((each) => (isSignal(each) ? [`signal ${each.name}`] : [])),
    ...REASON_CODES.map((reason) => `reason ${reason}`),
    ...REJECT_REASONS.map((reason) => `rejectOffer ${reason}`),
    ...LEAVE_REASONS.map((reason) => `leaveDelivery ${reason}`),
    ...LOSS_REASONS.map((why) => `driverLeft ${why}`),
  ];
}

function isSignal(each: unknown): each is { type: 'signal'; name: string } {
  return (
    typeof each === 'object' && each !== null && 'type' in each && 'name' in each && each.type === 'signal'
  );
}

type Result = { known?: { status: string; closed: boolean } };
type Said = { reason?: string; why?: string };

/** What a history contains, in the same form. */
export function shownBy({ events }: RecordedHistory): string[] {
  const did = events.flatMap(({ markerRecordedEventAttributes: marker }) => (marker ? [doneBy(marker)] : []));
  const asked = events.flatMap((event) => heardIn(event));
  const statuses = did.flatMap(({ status }) => status ?? []);
  const [before = 'PENDING', last] = [statuses.at(-2), statuses.at(-1)];
  return [
    ...endOf(events.at(-1) ?? {}, {
      from: did.at(-1)?.isClosing ? before : null,
      to: last,
      lastEvent: did.at(-1)?.kind,
    }),
    ...did.map(({ kind }) => `event ${kind}`),
    ...asked.flatMap(({ type, name, said }) => [`${type} ${name}`, ...reasonsOf(name, said)]),
    ...(did.at(-1)?.kind === 'giveUpSearch' ? ['reason NO_DRIVER'] : []),
  ];
}

function endOf(
  last: Record<string, unknown>,
  { from, to, lastEvent }: { from: string | null; to: string | undefined; lastEvent: string | undefined },
): string[] {
  if (last.workflowExecutionContinuedAsNewEventAttributes) return ['end continued as new'];
  if (!last.workflowExecutionCompletedEventAttributes) return ['end none: it runs'];
  if (from === null || to === undefined) return [];
  return [
    `end ${from} > ${to}`,
    ...(lastEvent === 'giveUpSearch' ? [`end ${from} > ${to}: nobody was found`] : []),
  ];
}

/** Of a local activity's marker: which event it was, and what the delivery was then. */
function doneBy(marker: unknown): { kind: string; status?: string; isClosing: boolean } {
  const details = (marker as { details: { data: unknown; result: unknown } }).details;
  const [data, result] = [payloadsOf(details.data)[0], payloadsOf(details.result)[0]] as [
    { activity_type: string },
    Result | null,
  ];
  return {
    kind: data.activity_type,
    status: result?.known?.status,
    isClosing: result?.known?.closed === true,
  };
}

function heardIn(event: Record<string, unknown>): { type: 'update' | 'signal'; name: string; said: Said }[] {
  const {
    workflowExecutionUpdateAcceptedEventAttributes: update,
    workflowExecutionSignaledEventAttributes: signal,
  } = event as {
    workflowExecutionUpdateAcceptedEventAttributes?: {
      acceptedRequest: { input: { name: string; args: unknown } };
    };
    workflowExecutionSignaledEventAttributes?: { signalName: string; input: unknown };
  };
  if (update)
    return [
      {
        type: 'update',
        name: update.acceptedRequest.input.name,
        said: payloadsOf(update.acceptedRequest.input.args)[0] ?? {},
      },
    ];
  return signal ? [{ type: 'signal', name: signal.signalName, said: payloadsOf(signal.input)[0] ?? {} }] : [];
}

function reasonsOf(name: string, { reason, why }: Said): string[] {
  if (name === 'cancelDelivery' || name === 'failDelivery') return [`reason ${reason}`];
  if (name === 'driverLeft') return [`driverLeft ${why}`];
  return reason === undefined ? [] : [`${name} ${reason}`];
}

import type { DeliverySnapshot } from '../../domain/delivery/deadline';
import { type DeliveryStatus, isClosed } from '../../domain/delivery/status';
import type { OfferState } from '../../domain/delivery/offer';
import type { Violation } from '../checker/violation';
import { offeredToNobody, rowProblems, trailProblems } from '../checker/deliveryRules';
import { countProblems, workWithoutDuty } from '../checker/driverRules';
import { unlikeRepeats } from '../checker/promiseRules';
import { type Acknowledged, lostAcknowledgements } from '../../simulator/people/ledger';
import type { RecordedDelivery, RecordedDriver, RecordedOffer } from '../../simulator/kit/record';

/** One request of a race and its response. `code`: the problem code of a refusal. */
export type Answered =
  | {
      asked: 'accept' | 'reject';
      offerId: string;
      driverId: string;
      status: number;
      code: string | null;
      assignmentId: string | null;
    }
  | { asked: 'cancel'; status: number; code: string | null }
  | { asked: 'goOffline'; driverId: string; status: number; code: string | null };

/** The state that the workflow reports: its snapshot, or its result. */
export type WorkflowState =
  { running: true; known: DeliverySnapshot } | { running: false; result: DeliveryStatus };

/**
 * The three sources for one race: responses, rows and workflow. Only drivers of the race may have its
 * delivery, and they have no other work.
 */
export type RaceRecord = {
  answers: readonly Answered[];
  delivery: RecordedDelivery;
  drivers: readonly RecordedDriver[];
  workflow: WorkflowState;
};

/** Contradictions between the sources, or with a rule of the product. Empty = consistent. */
export function contradictions(record: RaceRecord): string[] {
  return [
    ...record.answers.flatMap((answer) => answerProblems(answer, record)),
    ...repeatProblems(record),
    ...acceptProblems(record),
    ...lostAcknowledgements(acknowledgedIn(record), [record.delivery]),
    ...recordProblems(record).map(({ what }) => what),
    ...workflowProblems(record),
  ];
}

// ---- the answers ----

function answerProblems(answer: Answered, { delivery, drivers }: RaceRecord): string[] {
  switch (answer.asked) {
    case 'accept':
    case 'reject':
      return offerAnswerProblems(answer, delivery);
    case 'cancel':
      return cancelProblems(answer, delivery);
    case 'goOffline':
      return answer.status === 200
        ? offlineProblems(drivers.find(({ driverId }) => driverId === answer.driverId))
        : [`going offline was answered with ${answer.status}`];
  }
}

/** The offer states that each refusal implies; a code that is missing here must not occur. */
const OFFER_STATE_OF: Readonly<Record<string, readonly OfferState[]>> = {
  OFFER_EXPIRED: ['EXPIRED'],
  OFFER_WITHDRAWN: ['WITHDRAWN'],
  ALREADY_ANSWERED: ['ACCEPTED', 'REJECTED'],
};

function offerAnswerProblems(
  { asked, offerId, driverId, status, code }: Extract<Answered, { offerId: string }>,
  delivery: RecordedDelivery,
): string[] {
  const offer = delivery.offers.find((each) => each.offerId === offerId);
  if (!offer) return [`offer ${offerId} has no row`];
  if (status === 404)
    return offer.driverId === driverId
      ? [`driver ${driverId} was told that their own offer ${offerId} does not exist`]
      : [];
  if (offer.driverId !== driverId)
    return [
      `driver ${driverId} was answered ${status} ${code ?? ''} for offer ${offerId} of driver ${offer.driverId}`,
    ];
  const states: readonly OfferState[] =
    status === 200 ? [asked === 'accept' ? 'ACCEPTED' : 'REJECTED'] : (OFFER_STATE_OF[code ?? ''] ?? []);
  if (states.length === 0) return [`${asked} of offer ${offerId} was answered with ${status} ${code ?? ''}`];
  return states.includes(offer.state)
    ? []
    : [
        `${asked} of offer ${offerId} was answered with ${status} ${code ?? ''}, but the offer is ${offer.state}`,
      ];
}

function cancelProblems(
  { status, code }: Extract<Answered, { asked: 'cancel' }>,
  delivery: RecordedDelivery,
): string[] {
  if (status === 200)
    return delivery.status === 'CANCELLED'
      ? []
      : [`the cancel was answered 200, but the delivery is ${delivery.status}`];
  return status === 409 && code === 'ILLEGAL_TRANSITION' && delivery.status !== 'CANCELLED'
    ? []
    : [`the cancel was answered with ${status} ${code ?? ''}; the delivery is ${delivery.status}`];
}

function offlineProblems(driver: RecordedDriver | undefined): string[] {
  return driver?.availability === 'OFFLINE'
    ? []
    : [`the driver was told that they are offline, but is ${driver?.availability ?? 'missing'}`];
}

/** A repeat gets the same answer as the first request. */
function repeatProblems({ answers, delivery: { deliveryId } }: RaceRecord): string[] {
  const given = answers.map(({ status, code, ...request }) => ({
    request:
      'offerId' in request ? `${request.asked} of ${request.offerId} by ${request.driverId}` : request.asked,
    answer:
      `${status} ${code ?? ''} ${('assignmentId' in request ? request.assignmentId : null) ?? ''}`.trim(),
    deliveryId,
    driverId: null,
  }));
  return unlikeRepeats(given).map(({ what }) => what);
}

/** Each assignment from an offer has exactly one accept, whose answer was received or lost. */
function acceptProblems({ answers, delivery }: RaceRecord): string[] {
  const won = answers.filter((answer) => answer.asked === 'accept' && answer.status === 200);
  const winners = new Set(won.map((answer) => ('driverId' in answer ? answer.driverId : '')));
  const problems =
    winners.size > 1 && delivery.assignments.length < winners.size
      ? [`${winners.size} drivers were told that they have the delivery`]
      : [];
  const asked = new Set(answers.flatMap((answer) => (answer.asked === 'accept' ? [answer.offerId] : [])));
  const unasked = delivery.offers.filter(({ offerId, state }) => state === 'ACCEPTED' && !asked.has(offerId));
  return [
    ...problems,
    ...unasked.map(({ offerId }) => `offer ${offerId} is ACCEPTED without an accept request`),
  ];
}

function acknowledgedIn({ answers, delivery: { deliveryId } }: RaceRecord): Acknowledged[] {
  return answers.flatMap((answer): Acknowledged[] => {
    if (answer.status !== 200) return [];
    switch (answer.asked) {
      case 'accept':
        return [
          {
            kind: 'accepted',
            deliveryId,
            offerId: answer.offerId,
            driverId: answer.driverId,
            assignmentId: answer.assignmentId ?? 'none',
          },
        ];
      case 'reject':
        return [{ kind: 'rejected', deliveryId, offerId: answer.offerId, driverId: answer.driverId }];
      case 'cancel':
        return [{ kind: 'cancelled', deliveryId }];
      case 'goOffline':
        return [];
    }
  });
}

// ---- PostgreSQL ----

/** The sources had time to converge, so transient differences count as well. */
function recordProblems({ delivery, drivers }: RaceRecord): Violation[] {
  const live = delivery.offers.filter(isLive);
  const active = delivery.assignments.filter(({ state }) => state === 'ACTIVE');
  const count = (held: readonly { driverId: string }[], driverId: string): number =>
    held.filter((each) => each.driverId === driverId).length;
  const passing = [offeredToNobody(delivery, live.length), ...drivers.map(workWithoutDuty)].filter(
    (each) => each !== null,
  );
  return [
    ...rowProblems(delivery),
    ...trailProblems(delivery),
    ...passing,
    ...drivers.flatMap((driver) =>
      countProblems(driver, { live: count(live, driver.driverId), active: count(active, driver.driverId) }),
    ),
  ];
}

// ---- the workflow ----

const isLive = ({ state }: RecordedOffer): boolean => state === 'LIVE';

function workflowProblems({ workflow, delivery }: RaceRecord): string[] {
  if (!workflow.running) {
    const agrees = workflow.result === delivery.status && isClosed(delivery.status);
    return agrees ? [] : [`the workflow ended with ${workflow.result}, the delivery is ${delivery.status}`];
  }
  const { known } = workflow;
  const problems: string[] = [];
  if (known.status !== delivery.status)
    problems.push(`the workflow knows ${known.status}, the delivery is ${delivery.status}`);
  if (known.driverId !== delivery.driverId)
    problems.push(
      `the workflow knows driver ${known.driverId ?? 'nobody'}, the delivery is with ${delivery.driverId ?? 'nobody'}`,
    );
  const [knownOffers, liveOffers] = [idsOf(known.offers), idsOf(delivery.offers.filter(isLive))];
  if (knownOffers !== liveOffers)
    problems.push(`the workflow knows of offers [${knownOffers}], live are [${liveOffers}]`);
  return problems;
}

function idsOf(offers: readonly { offerId: string }[]): string {
  return offers
    .map(({ offerId }) => offerId)
    .sort()
    .join(', ');
}

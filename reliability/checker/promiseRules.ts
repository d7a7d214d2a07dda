/**
 * Invariant 2, and what clients were told about offers (invariant 6): acknowledged results hold, and repeats
 * get the same answer. Pure.
 */
import { type Acknowledged, lostAmong, type OfferObservation } from '../../simulator/people/ledger';
import type { RecordedDelivery } from '../../simulator/kit/record';
import type { Violation } from './violation';
import { groupedBy } from './momentRules';

/**
 * One response to a request. `request` identifies a request and its repeats; `answer` is equal for responses
 * that say the same.
 */
export type GivenAnswer = {
  request: string;
  answer: string;
  deliveryId: string | null;
  driverId: string | null;
};

/** Everything that clients observed in a run. */
export type ClientAnswers = {
  acknowledged: readonly Acknowledged[];
  answers?: readonly GivenAnswer[];
  offers?: readonly OfferObservation[];
};

export function promiseProblems(
  { acknowledged, answers = [], offers = [] }: ClientAnswers,
  record: readonly RecordedDelivery[],
): Violation[] {
  return [
    ...lostAmong(acknowledged, record).map(({ promise, problem }): Violation => ({
      invariant: 2,
      what: `${promise.kind} was acknowledged: ${problem}`,
      deliveryId: promise.deliveryId,
      driverId: 'driverId' in promise ? promise.driverId : null,
    })),
    ...orderProblems(acknowledged, record),
    ...acceptProblems(acknowledged),
    ...unlikeRepeats(answers),
    ...offerStateProblems(offers),
  ];
}

/** One order key of a merchant identifies one delivery, whoever sends it and however often. */
function orderProblems(
  acknowledged: readonly Acknowledged[],
  record: readonly RecordedDelivery[],
): Violation[] {
  const rows = groupedBy(record, ({ merchantId, sellerOrderId }) => `${merchantId}/${sellerOrderId}`);
  const twice = [...rows].filter(([, deliveries]) => deliveries.length > 1);
  const merchantOf = new Map(record.map(({ deliveryId, merchantId }) => [deliveryId, merchantId]));
  const posted = groupedBy(
    acknowledged.filter((each) => each.kind === 'posted'),
    ({ deliveryId, sellerOrderId }) => `${merchantOf.get(deliveryId) ?? ''}/${sellerOrderId}`,
  );
  const answeredTwice = [...posted].filter(
    ([, answers]) => new Set(answers.map(({ deliveryId }) => deliveryId)).size > 1,
  );
  const say = (what: string, deliveryId: string | null): Violation => ({
    invariant: 2,
    what,
    deliveryId,
    driverId: null,
  });
  return [
    ...twice.map(([key, deliveries]) =>
      say(`order ${key} has ${deliveries.length} deliveries`, deliveries[0]?.deliveryId ?? null),
    ),
    ...answeredTwice.map(([key, answers]) => {
      const deliveryIds = [...new Set(answers.map(({ deliveryId }) => deliveryId))];
      return say(`order ${key} was acknowledged as ${deliveryIds.join(' and as ')}`, deliveryIds[0] ?? null);
    }),
  ];
}

/** One offer makes at most one assignment, however often it is accepted. */
function acceptProblems(acknowledged: readonly Acknowledged[]): Violation[] {
  const accepts = groupedBy(
    acknowledged.filter((each) => each.kind === 'accepted'),
    ({ offerId }) => offerId,
  );
  return [...accepts].flatMap(([offerId, answers]): Violation[] => {
    const made = [...new Set(answers.map(({ assignmentId }) => assignmentId))];
    const [first] = answers;
    return made.length < 2 || !first
      ? []
      : [
          {
            invariant: 2,
            what: `the accept of offer ${offerId} was acknowledged as ${made.join(' and as ')}`,
            deliveryId: first.deliveryId,
            driverId: first.driverId,
          },
        ];
  });
}

/** A repeat gets the same answer as the first request. */
export function unlikeRepeats(answers: readonly GivenAnswer[]): Violation[] {
  const first = new Map<string, string>();
  const problems: Violation[] = [];
  for (const { request, answer, deliveryId, driverId } of answers) {
    const before = first.get(request);
    if (before === undefined) first.set(request, answer);
    else if (before !== answer)
      problems.push({
        invariant: 2,
        what: `${request} was answered with "${before}" and with "${answer}"`,
        deliveryId,
        driverId,
      });
  }
  return problems;
}

/** A driver who was told that an offer is over must not see it as live later. */
function offerStateProblems(observations: readonly OfferObservation[]): Violation[] {
  const overAt = new Map<string, number>();
  const keyOf = ({ offerId, driverId }: OfferObservation): string => `${offerId} ${driverId}`;
  for (const each of observations)
    if (each.state === 'over')
      overAt.set(keyOf(each), Math.min(each.at, overAt.get(keyOf(each)) ?? Infinity));
  return observations
    .filter((each) => each.state === 'live' && each.at > (overAt.get(keyOf(each)) ?? Infinity))
    .map(({ offerId, deliveryId, driverId }) => ({
      invariant: 6,
      what: `offer ${offerId} was shown as live after its driver had been told that it is over`,
      deliveryId,
      driverId,
    }));
}

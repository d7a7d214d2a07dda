/**
 * Invariant 2, and what clients were told of offers (6): what the service said must be so, and it must have
 * said the same each time. Pure.
 */
import { type Acknowledged, lostAmong, type OfferWord } from '../../simulator/people/ledger';
import type { RecordedDelivery } from '../../simulator/kit/record';
import type { Broken } from './broken';
import { groupedBy } from './momentRules';

/**
 * One answer to a request. `request` is the same for the request and its repeats; `answer` for answers that
 * say the same.
 */
export type GivenAnswer = {
  request: string;
  answer: string;
  deliveryId: string | null;
  driverId: string | null;
};

/** All that clients were told in a run. */
export type ClientAnswers = {
  acknowledged: readonly Acknowledged[];
  answers?: readonly GivenAnswer[];
  offers?: readonly OfferWord[];
};

export function promiseProblems(
  { acknowledged, answers = [], offers = [] }: ClientAnswers,
  record: readonly RecordedDelivery[],
): Broken[] {
  return [
    ...lostAmong(acknowledged, record).map(({ promise, problem }): Broken => ({
      invariant: 2,
      what: `${promise.kind} was acknowledged: ${problem}`,
      deliveryId: promise.deliveryId,
      driverId: 'driverId' in promise ? promise.driverId : null,
    })),
    ...orderProblems(acknowledged, record),
    ...acceptProblems(acknowledged),
    ...unlikeRepeats(answers),
    ...offerWordProblems(offers),
  ];
}

/** One key of a shop is one delivery, whoever asks, and however often. */
function orderProblems(acknowledged: readonly Acknowledged[], record: readonly RecordedDelivery[]): Broken[] {
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
  const say = (what: string, deliveryId: string | null): Broken => ({
    invariant: 2,
    what,
    deliveryId,
    driverId: null,
  });
  return [
    ...twice.map(([key, deliveries]) =>
      say(`order ${key} has ${deliveries.length} deliveries`, deliveries[0]?.deliveryId ?? null),
    ),
    ...answeredTwice.map(([key, answers]) =>
      say(
        `order ${key} was acknowledged as ${[...new Set(answers.map(({ deliveryId }) => deliveryId))].join(' and as ')}`,
        answers[0]?.deliveryId ?? null,
      ),
    ),
  ];
}

/** One offer makes one assignment, however often its accept is asked for. */
function acceptProblems(acknowledged: readonly Acknowledged[]): Broken[] {
  const accepts = groupedBy(
    acknowledged.filter((each) => each.kind === 'accepted'),
    ({ offerId }) => offerId,
  );
  return [...accepts].flatMap(([offerId, answers]): Broken[] => {
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

/** A repeat gets the answer of the first time. */
export function unlikeRepeats(answers: readonly GivenAnswer[]): Broken[] {
  const first = new Map<string, string>();
  const problems: Broken[] = [];
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

/** Who knows that an offer is over, and asks after that, must not be told that it is live. */
function offerWordProblems(words: readonly OfferWord[]): Broken[] {
  const overAt = new Map<string, number>();
  const keyOf = ({ offerId, driverId }: OfferWord): string => `${offerId} ${driverId}`;
  for (const each of words)
    if (each.word === 'over') overAt.set(keyOf(each), Math.min(each.at, overAt.get(keyOf(each)) ?? Infinity));
  return words
    .filter((each) => each.word === 'live' && each.at > (overAt.get(keyOf(each)) ?? Infinity))
    .map(({ offerId, deliveryId, driverId }) => ({
      invariant: 6,
      what: `offer ${offerId} was shown as live to its driver, who had been told that it is over`,
      deliveryId,
      driverId,
    }));
}

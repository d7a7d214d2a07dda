import type { MatchPair, MatchTerm, Round, ScorePart, UnmatchedReason } from './round';

/**
 * 'Why this driver?' and 'why nobody yet?' of a round, in sentences for ops. Drivers and deliveries appear by
 * id only, so that the text can be passed on. docs/behaviour.md#matching.
 * @param rival the same deliveries with another driver, to compare
 */
export function explainRound(round: Round, deliveryId: string, rival: MatchPair | null = null): string[] {
  const offer = round.offers.find(({ deliveryIds }) => deliveryIds.includes(deliveryId));
  if (offer)
    return [`Driver ${offer.driverId} is asked for ${whatOf(offer)} now.`, ...pairWords(offer, rival)];
  const held = round.held.find(({ deliveryIds }) => deliveryIds.includes(deliveryId));
  if (held)
    return [
      `Driver ${held.driverId} is meant for ${whatOf(held)}, and is asked at ${timeOf(held.until)} at the latest: ` +
        'until then a better one may turn up.',
      ...pairWords(held, rival),
    ];
  const unmatched = round.unmatched.find((each) => each.deliveryId === deliveryId);
  if (unmatched) return [UNMATCHED_WORDS[unmatched.why]];
  return [`Delivery ${deliveryId} was not in this round.`];
}

const UNMATCHED_WORDS: Readonly<Record<UnmatchedReason, string>> = {
  NOBODY_IN_REACH:
    'No driver who is free now or soon can take it: by vehicle, by room, or since their shift ends before the pickup.',
  ALL_EXCLUDED:
    'No driver who is free now or soon may be asked: each refused it, let it lapse lately, or lost it before.',
  OTHERS_FIRST:
    'Each driver who could take it does more for another delivery now. It gains weight the longer it waits.',
};

const TERM_WORDS: Readonly<Record<MatchTerm, string>> = {
  TIME_TO_PICKUP: 'the way to the pickup',
  DRIVER_WAITS: 'the driver’s wait',
  TRIP_TIME: 'the trip itself',
  GOODS_WAIT: 'the wait of the goods',
  LATENESS_RISK: 'the risk of lateness',
  PAY_TO_COME: 'the pay that it adds',
  FAIRNESS: 'earnings beside those of the others',
  ACCEPT_ODDS: 'the odds of a refusal',
  URGENCY: 'urgency',
  OTHERS_LATER: 'the delay of the customers whom the driver has already',
};

function pairWords(pair: MatchPair, rival: MatchPair | null): string[] {
  const costs = pair.parts.filter(({ what }) => what !== 'URGENCY');
  const listed = costs.map(({ what, costMs }) => `${TERM_WORDS[what]} ${minutes(costMs)}`).join(', ');
  return [
    `It costs as much as ${minutes(totalOf(costs))} of delay: ${listed || 'nothing that counts'}.`,
    ...(pair.deliveryIds.length > 1
      ? ['These have one pickup, and together they cost less than apart.']
      : []),
    ...(rival ? [rivalWords(pair, rival)] : []),
  ];
}

function rivalWords(pair: MatchPair, rival: MatchPair): string {
  const more = totalOf(rival.parts) - totalOf(pair.parts);
  if (more < 0)
    return `Driver ${rival.driverId} would cost ${minutes(-more)} less here, and does more for another delivery.`;
  const main = [...rival.parts]
    .map(({ what, costMs }) => ({ what, more: costMs - costOf(pair, what) }))
    .sort((a, b) => b.more - a.more)[0];
  const mostly = main && main.more > 0 ? `, mostly for ${TERM_WORDS[main.what]}` : '';
  return `Driver ${rival.driverId} would cost ${minutes(more)} more${mostly}.`;
}

const totalOf = (parts: readonly ScorePart[]): number => parts.reduce((sum, { costMs }) => sum + costMs, 0);
const costOf = ({ parts }: MatchPair, what: MatchTerm): number =>
  parts.find((part) => part.what === what)?.costMs ?? 0;
const whatOf = ({ deliveryIds }: MatchPair): string =>
  deliveryIds.length === 1
    ? `delivery ${deliveryIds[0] ?? ''}`
    : `deliveries ${deliveryIds.slice(0, -1).join(', ')} and ${deliveryIds.at(-1) ?? ''}`;
const minutes = (ms: number): string => `${(ms / 60_000).toFixed(1)} min`;
const timeOf = (at: number): string => `${new Date(at).toISOString().slice(11, 16)} UTC`;

import type { Excluded, Exclusion } from './exclusion';
import type { Ranked, Score } from './ranking';
import { explainRound } from './explainRound';
import type { MatchPair } from './round';

/**
 * The stored explanation of a choice: the radius, the number of fruitless rounds before, the number of drivers in the
 * radius, the best candidates in order, and some excluded drivers.
 */
export type Choice = {
  radiusMeters: number;
  round: number;
  looked: number;
  ranked: readonly Ranked[];
  excluded: readonly Excluded[];
  /** The pair of the round of the city's matching that proposed this driver. */
  proposal?: { roundId: string; pair: MatchPair };
};

/** How the choice was made: one driver asked by score, several asked at once, or the nearest assigned. */
export type ChoiceWay = 'SINGLE' | 'BROADCAST' | 'DIRECT';

/**
 * 'Why this driver?' in sentences for ops. Drivers appear by id only, so that the text can be passed on.
 * docs/behaviour.md#offers.
 */
export function explainChoice(choice: Choice, driverId: string, way: ChoiceWay): string[] {
  const { nextAfter } = choice.ranked.find((each) => each.driverId === driverId) ?? {};
  return [
    ...(choice.proposal ? explainProposal(choice.proposal) : explainSearch(choice, driverId, way)),
    ...(nextAfter === undefined ? [] : [`It is their next job, after delivery ${nextAfter}.`]),
  ];
}

function explainProposal({ roundId, pair }: NonNullable<Choice['proposal']>): string[] {
  const round = { offers: [pair], held: [], unmatched: [], comeBackAt: null };
  return [`Round ${roundId} of the matching of the city:`, ...explainRound(round, pair.deliveryIds[0] ?? '')];
}

function explainSearch(
  { radiusMeters, round, looked, ranked, excluded }: Choice,
  driverId: string,
  way: ChoiceWay,
): string[] {
  const isWhole = ranked.length + excluded.length >= looked;
  const within = `${counted(looked, 'driver')} within ${kilometers(radiusMeters)} of the pickup`;
  const after = `after ${counted(round, 'fruitless round')}`;
  return [
    `${within}, ${after}: ${isWhole ? '' : 'at least '}${ranked.length} could be asked.`,
    ...placeOf(ranked, driverId, way),
    ...Object.entries(byReason(excluded)).map(([words, ids]) => `Not asked, ${words}: ${ids.join(', ')}.`),
  ];
}

function placeOf(ranked: readonly Ranked[], driverId: string, way: ChoiceWay): string[] {
  const place = ranked.findIndex((each) => each.driverId === driverId);
  const chosen = ranked[place];
  if (!chosen) return [`Driver ${driverId} is not among those whose scores were kept.`];
  const before =
    place === 0 || way === 'BROADCAST'
      ? ''
      : ` The ${place === 1 ? 'one' : place} before could not be held at that moment.`;
  const next = ranked[place + 1];
  return [
    `Driver ${driverId} was number ${place + 1}: ${scoreWords(chosen.score)}.${before}`,
    ...(next
      ? [`Number ${place + 2}, driver ${next.driverId}, ${comparison(chosen.score, next.score, way)}.`]
      : []),
  ];
}

function scoreWords({ travelMs, distanceMeters, recentRejections, idleMs, stopsBefore = 0 }: Score): string {
  const after = stopsBefore > 0 ? ` after ${counted(stopsBefore, 'stop')} of their route` : '';
  const way = `${minutes(travelMs)} to the pickup${after}, ${kilometers(distanceMeters)} away`;
  return `${way}, ${counted(recentRejections, 'recent refusal')}, idle for ${minutes(idleMs)}`;
}

/** The first criterion of the ranking in which the two differ. */
function comparison(a: Score, b: Score, way: ChoiceWay): string {
  const compared = (words: string, amountOf: (score: Score) => string | number): string =>
    `${words}: ${amountOf(b)} against ${amountOf(a)}`;
  if (way === 'DIRECT') return compared('is farther away', (score) => kilometers(score.distanceMeters));
  if (a.travelBucket !== b.travelBucket)
    return compared('takes longer to the pickup', (score) => minutes(score.travelMs));
  if (a.recentRejections !== b.recentRejections)
    return compared('is as near in time, but has refused more lately', (score) => score.recentRejections);
  if (a.earningsBucket !== b.earningsBucket)
    return 'is as near in time and has refused as little, but has earned more today';
  if (a.idleMs !== b.idleMs)
    return compared('is equal in all else, but has been idle for less time', (score) =>
      minutes(score.idleMs),
    );
  return 'is equal in all that counts; the exact time to the pickup decided, or the id';
}

const EXCLUSION_WORDS: Readonly<Record<Exclusion, string>> = {
  LOST: 'since they lost this delivery before',
  NOT_AVAILABLE: 'since they are not available',
  LEAVES_AFTER_WORK: 'since they leave when their work ends',
  WRONG_VEHICLE: 'since their vehicle does not carry the parcel',
  HAS_LIVE_OFFER: 'since they have another offer',
  NO_ROOM: 'since they have no room',
  ROUTE_TOO_LATE: 'since a customer on their route, or of this delivery, would get it too late',
  OLD_APP: 'since their app answers no offers',
  ASKED_BY_BROADCAST: 'since the broadcast asked them already',
  STALE_POSITION: 'since their position is not fresh',
  SHIFT_ENDS_BEFORE_PICKUP: 'since their shift ends before the pickup',
  REJECTED: 'since they rejected it at this pay and level',
  LAPSED_RECENTLY: 'since they let it lapse lately',
};

/** Whether a text from the database is an exclusion that this release knows. */
export function isExclusion(text: string): text is Exclusion {
  return Object.hasOwn(EXCLUSION_WORDS, text);
}

function byReason(excluded: readonly Excluded[]): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const { driverId, reason } of excluded) (found[EXCLUSION_WORDS[reason]] ??= []).push(driverId);
  return found;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
const minutes = (ms: number): string => `${Math.round(ms / 60_000)} min`;
const kilometers = (meters: number): string => `${(meters / 1_000).toFixed(1)} km`;

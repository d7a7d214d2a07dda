import type { Excluded, Exclusion, Ranked, Score } from './ranking';

/**
 * What is kept of a choice with its offer or assignment: how far around the pickup was looked, after how many
 * fruitless rounds, how many drivers were there, and the best of those who could be asked, best first, and
 * some of those who could not.
 */
export type Choice = {
  radiusMeters: number;
  round: number;
  looked: number;
  ranked: readonly Ranked[];
  excluded: readonly Excluded[];
};

/**
 * By what the choice ranked: scores, or v1's metres; and whether it asked one after another or several at
 * once.
 */
export type ChoiceWay = 'SINGLE' | 'BROADCAST' | 'DIRECT';

/**
 * 'Why this driver?' in plain sentences (spec 2). Drivers are named by their ids alone, so that the words can
 * be handed on.
 */
export function explainChoice(
  { radiusMeters, round, looked, ranked, excluded }: Choice,
  driverId: string,
  way: ChoiceWay,
): string[] {
  const isWhole = ranked.length + excluded.length >= looked;
  const within = `${counted(looked, 'driver')} within ${kilometers(radiusMeters)} of the pickup, after ${counted(round, 'fruitless round')}`;
  return [
    `${within}: ${isWhole ? '' : 'at least '}${ranked.length} could be asked.`,
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

function scoreWords({ travelMs, distanceMeters, recentRejections, idleMs }: Score): string {
  return `${minutes(travelMs)} to the pickup, ${kilometers(distanceMeters)} away, ${counted(recentRejections, 'recent refusal')}, idle for ${minutes(idleMs)}`;
}

/** The first thing compared in which the two differ, in the order of the ranking. */
function comparison(a: Score, b: Score, way: ChoiceWay): string {
  if (way === 'DIRECT')
    return `is farther away: ${kilometers(b.distanceMeters)} against ${kilometers(a.distanceMeters)}`;
  if (a.travelBucket !== b.travelBucket)
    return `takes longer to the pickup: ${minutes(b.travelMs)} against ${minutes(a.travelMs)}`;
  if (a.recentRejections !== b.recentRejections)
    return `is as near in time, but has refused more lately: ${b.recentRejections} against ${a.recentRejections}`;
  if (a.earningsBucket !== b.earningsBucket)
    return 'is as near in time and has refused as little, but has earned more today';
  if (a.idleMs !== b.idleMs)
    return `is equal in all else, but has been idle for less time: ${minutes(b.idleMs)} against ${minutes(a.idleMs)}`;
  return 'is equal in all that counts; the exact time to the pickup decided, or the id';
}

const EXCLUSION_WORDS: Readonly<Record<Exclusion, string>> = {
  LOST: 'since they lost this delivery before',
  NOT_AVAILABLE: 'since they are not available',
  LEAVES_AFTER_WORK: 'since they leave when their work ends',
  WRONG_VEHICLE: 'since their vehicle does not carry the parcel',
  HAS_LIVE_OFFER: 'since they have another offer',
  NO_ROOM: 'since they have no room',
  OLD_APP: 'since their app answers no offers',
  ASKED_BY_BROADCAST: 'since the broadcast asked them already',
  STALE_POSITION: 'since their place is not fresh',
  SHIFT_ENDS_BEFORE_PICKUP: 'since their shift ends before the pickup',
  REJECTED: 'since they rejected it at this pay and level',
  LAPSED_RECENTLY: 'since they let it lapse lately',
};

/** Whether a text that was kept is an exclusion that this version knows. */
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

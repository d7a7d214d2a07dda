import type { Random } from '../kit/random';

/**
 * How couriers answer offers: the shares that they refuse or let lapse, and how many seconds of the day an answer takes
 * in the mean. The data set has no answers; without these every courier accepts at once.
 */
export type AnswerOptions = AnswerShares & { answerSeconds: number };

/** Shares of all offers, together 1 at most. */
export type AnswerShares = { refuse: number; lapse: number };

/** What a courier does with one offer. `afterMinutes` are minutes of the day. */
export type DrawnAnswer = { what: 'accept' | 'refuse' | 'lapse'; afterMinutes: number };

/** Draws the answer to the next offer. An answer takes from half to one and a half times the mean. */
export function drawAnswer({ refuse, lapse, answerSeconds }: AnswerOptions, random: Random): DrawnAnswer {
  const what = answerOf(random.next(), { refuse, lapse });
  return { what, afterMinutes: (answerSeconds / 60) * random.between(0.5, 1.5) };
}

/** @param draw from 0 (included) to 1 (not included) */
export function answerOf(draw: number, { refuse, lapse }: AnswerShares): DrawnAnswer['what'] {
  if (draw < refuse) return 'refuse';
  return draw < refuse + lapse ? 'lapse' : 'accept';
}

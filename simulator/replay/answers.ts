import type { Random } from '../kit/random';

/**
 * How couriers answer offers: the shares that they refuse or let lapse, and how many seconds of the day an answer takes
 * in the mean. The data set has no answers; without these every courier accepts at once.
 */
export type AnswerOptions = { refuse: number; lapse: number; answerSeconds: number };

/** What a courier does with one offer. `afterMinutes` are minutes of the day. */
export type DrawnAnswer = { what: 'accept' | 'refuse' | 'lapse'; afterMinutes: number };

/** Draws the answer to the next offer. An answer takes from half to one and a half times the mean. */
export function drawAnswer({ refuse, lapse, answerSeconds }: AnswerOptions, random: Random): DrawnAnswer {
  const draw = random.next();
  const what = draw < refuse ? 'refuse' : draw < refuse + lapse ? 'lapse' : 'accept';
  return { what, afterMinutes: (answerSeconds / 60) * random.between(0.5, 1.5) };
}

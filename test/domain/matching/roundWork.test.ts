/** What a round costs, counted in steps and in travel times that it asks for; a clock would measure the machine. */
import { describe, expect, it } from '@jest/globals';
import { cityOf, SHAPES } from '../../../bench/round/cities';
import { decideRoundInSteps } from '../../../domain/matching/matcher';
import type { RoundInput } from '../../../domain/matching/round';
import { MATCH_WEIGHTS } from '../../../domain/matching/weights';

type Work = { steps: number; travels: number; mostInAStep: number };

function workOf<Place>(input: RoundInput<Place>, maxBundle: number): Work {
  const work = { steps: 0, travels: 0, mostInAStep: 0 };
  let before = 0;
  const travel: typeof input.travel = (...way) => {
    work.travels++;
    return input.travel(...way);
  };
  const steps = decideRoundInSteps({ ...input, travel }, { ...MATCH_WEIGHTS, maxBundle });
  for (let isOver = false; !isOver; work.steps++) {
    isOver = steps.next().done === true;
    work.mostInAStep = Math.max(work.mostInAStep, work.travels - before);
    before = work.travels;
  }
  return work;
}

const SIZES = [
  [300, 300],
  [600, 60],
  [40, 600],
] as const;

describe.each([...SHAPES])('a round of a city of shape %s', (shape) => {
  describe.each(SIZES)('with %d deliveries and %d drivers', (waiting, drivers) => {
    const input = cityOf(shape, { waiting, drivers }, '1');
    const pairs = waiting * drivers;

    it('weighs each pair once, in steps by the deliveries and the pairs, not by their third power', () => {
      const { steps, travels, mostInAStep } = workOf(input, 1);
      expect(travels).toBeLessThanOrEqual(pairs + 10 * (waiting + drivers));
      expect(mostInAStep).toBeLessThanOrEqual(drivers + 10);
      expect(steps).toBeLessThan(4 * waiting + (200 * pairs) / 50_000);
    });

    it('weighs few pairs again where trips may have two deliveries', () => {
      const { travels, mostInAStep, steps } = workOf(input, 2);
      expect(travels).toBeLessThan(2 * pairs + 300 * waiting);
      expect(mostInAStep).toBeLessThanOrEqual(2 * drivers + 100);
      expect(steps).toBeLessThan(60 * waiting + (4 * 200 * pairs) / 50_000);
    });
  });
});

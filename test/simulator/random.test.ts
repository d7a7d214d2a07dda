import { describe, expect, test } from '@jest/globals';
import { dealer, randomFrom } from '../../simulator/kit/random';

const draws = (seed: string, count: number): number[] => {
  const random = randomFrom(seed);
  return Array.from({ length: count }, () => random.next());
};

describe('random', () => {
  test('the same seed gives the same draws', () => {
    expect(draws('a', 50)).toEqual(draws('a', 50));
    expect(draws('a', 50)).not.toEqual(draws('b', 50));
  });

  test('draws are uniform between 0 and 1', () => {
    const all = draws('even', 20_000);
    expect(Math.min(...all)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...all)).toBeLessThan(1);
    for (let tenth = 0; tenth < 10; tenth++) {
      const share = all.filter((draw) => Math.floor(draw * 10) === tenth).length / all.length;
      expect(share).toBeGreaterThan(0.09);
      expect(share).toBeLessThan(0.11);
    }
  });

  test('a chance has the given probability', () => {
    const random = randomFrom('chance');
    const hits = Array.from({ length: 10_000 }, () => random.chance(0.08)).filter(Boolean).length;
    expect(hits).toBeGreaterThan(700);
    expect(hits).toBeLessThan(900);
  });

  test('the draws of one stream do not change those of another', () => {
    const one = randomFrom('run');
    const other = randomFrom('run');
    other.stream('orders').next();
    other.next();
    expect(one.stream('driver 1').next()).toBe(other.stream('driver 1').next());
  });

  test('a pick from an empty list throws', () => {
    expect(() => randomFrom('x').pick([])).toThrow('nothing to pick from');
    expect(randomFrom('x').pick(['only'])).toBe('only');
  });
});

describe('a dealer', () => {
  test('deals the whole pack before it deals it again', () => {
    const deal = dealer(['yes', 'yes', 'no'], randomFrom('deal'));
    const packs = Array.from({ length: 20 }, () => [deal(), deal(), deal()]);
    for (const pack of packs) expect([...pack].sort()).toEqual(['no', 'yes', 'yes']);
    expect(new Set(packs.map((pack) => pack.indexOf('no'))).size).toBe(3);
  });

  test('throws for an empty pack', () => {
    expect(dealer([], randomFrom('deal'))).toThrow('nothing to pick from');
  });
});

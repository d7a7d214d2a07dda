import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Bound, judge, type Reading, slopePerHour } from '../../reliability/soak/leaks';

const LEVEL: Bound = { kind: 'level', slack: 5, slackShare: 0 };
const MEMORY: Bound = { kind: 'memory', mbPerDay: 200, noiseMb: 4 };
const PER: Bound = { kind: 'per', per: 'orders', times: 1.3, slack: 0.05 };
const WARM_UP_S = 300;
const EVERY_S = 10;

/** Half an hour with a reading every 10 s. */
const series = (valueAt: (at: number, index: number) => number): Reading[] =>
  Array.from({ length: 180 }, (_, index) => ({
    at: index * EVERY_S,
    value: valueAt(index * EVERY_S, index),
  }));
const verdictOf = (readings: readonly Reading[], bound: Bound, per: readonly Reading[] = []): string =>
  judge(readings, bound, { warmUpS: WARM_UP_S, per }).verdict;
/** 180 arbitrary numbers from 0 to 1. */
const noise = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 180, maxLength: 180 });

describe('a level resource', () => {
  test('that rises steadily leaks', () => {
    expect(
      verdictOf(
        series((at) => 40 + at / 60),
        LEVEL,
      ),
    ).toBe('leaks');
  });

  test('does not leak with noise within the slack', () => {
    fc.assert(
      fc.property(noise, fc.integer({ min: 0, max: 10_000 }), (shakes, base) => {
        expect(
          verdictOf(
            series((_, index) => base + 5 * (shakes[index] ?? 0)),
            LEVEL,
          ),
        ).toBe('steady');
      }),
    );
  });

  test('leaks where the rise is well above noise and slack', () => {
    fc.assert(
      fc.property(
        noise,
        fc.double({ min: 1, max: 20, noNaN: true }),
        fc.double({ min: 0, max: 50, noNaN: true }),
        (shakes, perMinute, loud) => {
          // 25 minutes are judged; two thirds of them lie between the thirds that are compared.
          fc.pre(perMinute * 25 * (2 / 3) > 2 * (5 + 2 * loud));
          expect(
            verdictOf(
              series((at, index) => 40 + (perMinute * at) / 60 + loud * (shakes[index] ?? 0)),
              LEVEL,
            ),
          ).toBe('leaks');
        },
      ),
    );
  });

  test('does not leak with peaks, however high and late: the floor counts', () => {
    expect(
      verdictOf(
        series((at, index) => (at > 900 && index % 3 !== 0 && index % 7 !== 0 ? 4_000 : 40)),
        LEVEL,
      ),
    ).toBe('steady');
  });

  test('does not leak in a warm-up, or for a pool that fills once', () => {
    expect(
      verdictOf(
        series((at) => Math.min(at, WARM_UP_S)),
        LEVEL,
      ),
    ).toBe('steady');
    expect(
      verdictOf(
        series((at) => (at < 1_000 ? 10 : 30)),
        LEVEL,
      ),
    ).toBe('steady');
  });

  test('does not leak where it falls', () => {
    expect(
      verdictOf(
        series((at) => 4_000 - at),
        LEVEL,
      ),
    ).toBe('steady');
  });

  test('may rise by a share of its level', () => {
    const bound: Bound = { kind: 'level', slack: 0, slackShare: 0.2 };
    expect(
      verdictOf(
        series((at) => 1_000 + at / 15),
        bound,
      ),
    ).toBe('steady');
    expect(
      verdictOf(
        series((at) => 100 + at / 15),
        bound,
      ),
    ).toBe('leaks');
  });

  test('with few readings is not judged, and not called steady', () => {
    expect(verdictOf(series((at) => at).slice(0, 35), LEVEL)).toBe('too few readings');
  });

  test('of less than two minutes is not judged: a filling pool looks the same', () => {
    const everySecond = (seconds: number): Reading[] =>
      Array.from({ length: seconds }, (_, at) => ({ at, value: at }));
    expect(judge(everySecond(110), LEVEL, { warmUpS: 0 }).verdict).toBe('too few readings');
    expect(judge(everySecond(130), LEVEL, { warmUpS: 0 }).verdict).toBe('leaks');
  });
});

describe('memory', () => {
  const day = 86_400;

  test('leaks above its bound, and not just below it', () => {
    expect(
      verdictOf(
        series((at) => 90 + (at * 1_200) / day),
        MEMORY,
      ),
    ).toBe('leaks');
    expect(
      verdictOf(
        series((at) => 90 + (at * 150) / day),
        MEMORY,
      ),
    ).toBe('steady');
  });

  test('in a long run is judged by its bound, not by the noise allowance of a short run', () => {
    const hours = (mbPerDay: number): Reading[] =>
      Array.from({ length: 720 }, (_, minute) => ({
        at: minute * 60,
        value: 90 + (minute * 60 * mbPerDay) / day,
      }));
    expect(verdictOf(hours(260), MEMORY)).toBe('leaks');
    expect(verdictOf(hours(150), MEMORY)).toBe('steady');
  });

  test('of a heap that grows lazily and levels off in the first half is steady', () => {
    expect(
      verdictOf(
        series((at) => 60 + 80 * (1 - Math.exp(-at / 150))),
        MEMORY,
      ),
    ).toBe('steady');
  });

  test('that a collector releases is steady wherever the run is cut, with one collection in each third', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 25 }), fc.integer({ min: 0, max: 200 }), (period, height) => {
        expect(
          verdictOf(
            series((_, index) => 80 + (height * (index % period)) / period),
            MEMORY,
          ),
        ).toBe('steady');
      }),
    );
  });

  test('with one deep minimum and shallower ones after it is steady where the rest stays level', () => {
    const dips = new Map([
      [110, 40],
      [130, 60],
      [150, 80],
    ]);
    expect(
      verdictOf(
        series((_, index) => dips.get(index) ?? 100),
        MEMORY,
      ),
    ).toBe('steady');
  });

  test('leaks under a sawtooth as well', () => {
    expect(
      verdictOf(
        series((at, index) => 80 + at / 60 + 10 * (index % 6)),
        MEMORY,
      ),
    ).toBe('leaks');
  });
});

describe('a resource that grows with deliveries', () => {
  const orders = series((at) => at);

  test('by a constant amount is steady, also with uneven deliveries', () => {
    const uneven = series((at) => at + 20 * Math.sin(at / 100));
    expect(
      verdictOf(
        uneven.map(({ at, value }) => ({ at, value: 21 * value })),
        PER,
        uneven,
      ),
    ).toBe('steady');
  });

  test('by a rising amount leaks', () => {
    expect(
      verdictOf(
        series((at) => 20 * at + (at * at) / 100),
        PER,
        orders,
      ),
    ).toBe('leaks');
  });

  test('by a falling amount does not leak', () => {
    expect(
      verdictOf(
        series((at) => 400 * Math.sqrt(at)),
        PER,
        orders,
      ),
    ).toBe('steady');
  });

  test('with few or no deliveries is not judged', () => {
    expect(
      verdictOf(
        series((at) => at),
        PER,
        series(() => 7),
      ),
    ).toBe('too few readings');
    expect(
      verdictOf(
        series((at) => at * at),
        PER,
        series((at) => Math.floor(at / 6)),
      ),
    ).toBe('too few readings');
  });
});

describe('the slope', () => {
  test('is that of the line, although one reading in five is an outlier', () => {
    expect(slopePerHour(series((at, index) => (index % 5 === 0 ? 1e6 : at / 60)))).toBeCloseTo(60, 0);
  });

  test('of fewer than two readings is 0', () => {
    expect(slopePerHour([{ at: 3, value: 9 }])).toBe(0);
    expect(slopePerHour([])).toBe(0);
  });
});

import { describe, expect, test } from '@jest/globals';
import { Latencies, medianOf, percentileOf } from '../../simulator/client/latencies';

describe('latencies', () => {
  test('a percentile is a measured value', () => {
    const values = Array.from({ length: 100 }, (_, at) => at + 1);
    expect(percentileOf(values, 99)).toBe(99);
    expect(percentileOf(values, 100)).toBe(100);
    expect(percentileOf(values, 0)).toBe(1);
    expect(percentileOf([7], 99)).toBe(7);
    expect(medianOf([3, 1, 2])).toBe(2);
  });

  test('the percentile of no values is null', () => {
    expect(percentileOf([], 99)).toBeNull();
    expect(new Latencies().percentile('offer', 99)).toBeNull();
  });

  test('each name has separate values', () => {
    const latencies = new Latencies();
    latencies.add('offer', 5);
    latencies.add('offer', 9);
    latencies.add('accept', 100);
    expect(latencies.percentile('offer', 100)).toBe(9);
    expect(latencies.count('offer')).toBe(2);
    expect(latencies.names()).toEqual(['accept', 'offer']);
  });
});

import { describe, expect, it } from '@jest/globals';
import { dayIn } from '../../domain/money/workday';

const at = (text: string): number => Date.parse(text);

describe('the day of earnings', () => {
  it('is the day of the city, not of UTC', () => {
    expect(dayIn('America/Los_Angeles', at('2026-11-30T00:30:00Z'))).toBe('2026-11-29');
    expect(dayIn('America/Los_Angeles', at('2026-11-30T07:59:59Z'))).toBe('2026-11-29');
    expect(dayIn('America/Los_Angeles', at('2026-11-30T08:00:00Z'))).toBe('2026-11-30');
    expect(dayIn('Asia/Tokyo', at('2026-11-29T15:00:00Z'))).toBe('2026-11-30');
    expect(dayIn('UTC', at('2026-11-29T23:59:59.999Z'))).toBe('2026-11-29');
  });

  it.each([
    ['begins', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z', '2026-03-29'],
    ['ends', '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z', '2026-10-25'],
  ])('where summer time %s has 23 or 25 hours, each once', (_what, from, to, day) => {
    expect(dayIn('Europe/Amsterdam', at(from) - 1)).not.toBe(day);
    for (let now = at(from); now < at(to); now += 900_000) expect(dayIn('Europe/Amsterdam', now)).toBe(day);
    expect(dayIn('Europe/Amsterdam', at(to))).not.toBe(day);
  });

  it('goes by the clocks of the city where they change at midnight, or half an hour', () => {
    expect(dayIn('Africa/Cairo', at('2026-04-23T21:59:59Z'))).toBe('2026-04-23');
    expect(dayIn('Africa/Cairo', at('2026-04-23T22:00:00Z'))).toBe('2026-04-24');
    expect(dayIn('Australia/Lord_Howe', at('2026-04-04T13:00:00Z'))).toBe('2026-04-05');
  });
});

import { expect, test } from '@jest/globals';
import type { Caller } from '../../api/auth/caller';
import { REMEMBERED_MS, RememberedCallers } from '../../api/auth/rememberedCallers';

const ann: Caller = { role: 'ops', subject: 'ann', cities: 'all' };
const DAY_MS = 86_400_000;
const START_MS = 1_000_000;

/** The cache with a test clock. */
function remembering() {
  const time = { nowMs: START_MS };
  return { time, remembered: new RememberedCallers(() => time.nowMs) };
}

test('a token is recalled for a minute, and then verified again', () => {
  const { time, remembered } = remembering();
  remembered.keep('a', ann, DAY_MS);
  time.nowMs = START_MS + REMEMBERED_MS - 1;
  expect(remembered.recall('a')).toBe(ann);
  time.nowMs = START_MS + REMEMBERED_MS + 1;
  expect(remembered.recall('a')).toBeUndefined();
  expect(remembered.recall('b')).toBeUndefined();
});

test('a token is not recalled beyond its own expiry', () => {
  const { time, remembered } = remembering();
  remembered.keep('a', ann, 5_000);
  remembered.keep('expired', ann, -1);
  time.nowMs = START_MS + 4_999;
  expect(remembered.recall('a')).toBe(ann);
  time.nowMs = START_MS + 5_001;
  expect(remembered.recall('a')).toBeUndefined();
  expect(remembered.recall('expired')).toBeUndefined();
});

test('recalling a token does not prolong its minute', () => {
  const { time, remembered } = remembering();
  remembered.keep('a', ann, DAY_MS);
  for (let passedMs = 0; passedMs < REMEMBERED_MS; passedMs += 10_000) {
    time.nowMs = START_MS + passedMs;
    expect(remembered.recall('a')).toBe(ann);
  }
  time.nowMs = START_MS + REMEMBERED_MS + 1;
  expect(remembered.recall('a')).toBeUndefined();
});

test('a day of new tokens leaves at most the tokens of two minutes', () => {
  const { time, remembered } = remembering();
  for (let passedMs = 0; passedMs < DAY_MS; passedMs += 10_000) {
    time.nowMs = START_MS + passedMs;
    remembered.keep(`screen ${passedMs}`, ann, DAY_MS);
  }
  expect(remembered.size).toBeLessThanOrEqual(12);
});

test('a flood of tokens within one minute keeps the latest 10,000', () => {
  const { time, remembered } = remembering();
  for (let n = 0; n < 10_005; n += 1) {
    time.nowMs = START_MS + n;
    remembered.keep(`token ${n}`, ann, DAY_MS);
  }
  expect(remembered.size).toBe(10_000);
  expect(remembered.recall('token 4')).toBeUndefined();
  expect(remembered.recall('token 5')).toBe(ann);
});

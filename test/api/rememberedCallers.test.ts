import { expect, test } from '@jest/globals';
import type { Caller } from '../../api/auth/caller';
import { REMEMBERED_MS, RememberedCallers } from '../../api/auth/rememberedCallers';

const ann: Caller = { role: 'ops', subject: 'ann', cities: 'all' };
const DAY_MS = 86_400_000;

test('a token that was kept is recalled for a minute, and then asked again', () => {
  const remembered = new RememberedCallers();
  remembered.keep('a', ann, DAY_MS, 0);
  expect(remembered.recall('a', REMEMBERED_MS - 1)).toBe(ann);
  expect(remembered.recall('a', REMEMBERED_MS)).toBeUndefined();
  expect(remembered.recall('b', 0)).toBeUndefined();
});

test('a token is not recalled beyond its own end', () => {
  const remembered = new RememberedCallers();
  remembered.keep('a', ann, 5_000, 0);
  expect(remembered.recall('a', 4_999)).toBe(ann);
  expect(remembered.recall('a', 5_000)).toBeUndefined();
});

test('a day of screens, each with a token of its own, leaves the tokens of one minute', () => {
  const remembered = new RememberedCallers();
  for (let nowMs = 0; nowMs < DAY_MS; nowMs += 10_000)
    remembered.keep(`screen ${nowMs}`, ann, nowMs + DAY_MS, nowMs);
  expect(remembered.size).toBe(6);
});

test('a token that is kept again stays for a minute from then, and those beside it are forgotten in their time', () => {
  const remembered = new RememberedCallers();
  remembered.keep('a', ann, DAY_MS, 0);
  remembered.keep('b', ann, DAY_MS, 1_000);
  remembered.keep('a', ann, DAY_MS, 50_000);
  remembered.keep('c', ann, DAY_MS, 61_000);
  expect(remembered.recall('a', 61_000)).toBe(ann);
  expect(remembered.recall('b', 60_999)).toBeUndefined();
  expect(remembered.size).toBe(2);
});

test('a flood of tokens within one minute keeps the 10,000 that came last', () => {
  const remembered = new RememberedCallers();
  for (let n = 0; n < 10_005; n += 1) remembered.keep(`token ${n}`, ann, DAY_MS, n);
  expect(remembered.size).toBe(10_000);
  expect(remembered.recall('token 4', 10_004)).toBeUndefined();
  expect(remembered.recall('token 5', 10_004)).toBe(ann);
});

import { afterEach, expect, test } from '@jest/globals';
import { register } from 'prom-client';
import { readGauge } from '../../worker/readGauge';

afterEach(() => register.clear());

test('a gauge whose source is away shows NaN, says so, and leaves the other metrics readable', async () => {
  const warned: object[] = [];
  const log = { warn: (fields: object) => void warned.push(fields) };
  readGauge({ name: 'away', help: 'cannot be read', log }, async () => {
    throw new Error('PostgreSQL is away');
  });
  readGauge({ name: 'there', help: 'can be read', log }, async () => 7);
  const shown = await register.metrics();
  expect(shown).toMatch(/^away (NaN|Nan)$/m);
  expect(shown).toMatch(/^there 7$/m);
  expect(warned).toEqual([expect.objectContaining({ metric: 'away' })]);
});

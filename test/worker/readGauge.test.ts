import { afterEach, expect, test } from '@jest/globals';
import { register } from 'prom-client';
import { readGauge } from '../../worker/readGauge';

afterEach(() => register.clear());

test('a gauge without its source shows NaN, logs it, and keeps other metrics readable', async () => {
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

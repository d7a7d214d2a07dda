import { expect, test } from '@jest/globals';
import { register } from 'prom-client';
import { countSearch } from '../../services/deliveries/deliveryMetrics';

async function counted(result: string): Promise<number> {
  const { values = [] } = (await register.getSingleMetric('driver_searches_total')?.get()) ?? {};
  return values.find(({ labels }) => labels.result === result)?.value ?? 0;
}

test.each([
  ['found', { isMapUnavailable: false, ranking: { ranked: ['somebody'] } }],
  ['nobody', { isMapUnavailable: false, ranking: { ranked: [] } }],
  ['no_map', { isMapUnavailable: true, ranking: { ranked: [] } }],
])('a search with the result %s is counted as such', async (result, search) => {
  const before = await counted(result);
  countSearch(search);
  expect(await counted(result)).toBe(before + 1);
});

import { expect, test } from '@jest/globals';
import { register } from 'prom-client';
import { countSearch } from '../../services/deliveries/deliveryMetrics';

async function counted(result: string): Promise<number> {
  const { values = [] } = (await register.getSingleMetric('driver_searches_total')?.get()) ?? {};
  return values.find(({ labels }) => labels.result === result)?.value ?? 0;
}

test.each([
  ['found', { inconclusive: null, ranking: { ranked: ['somebody'] } }],
  ['nobody', { inconclusive: null, ranking: { ranked: [] } }],
  ['no_map', { inconclusive: 'MAP_AWAY', ranking: { ranked: [] } }],
  ['scarce', { inconclusive: 'SCARCE', ranking: { ranked: [] } }],
] as const)('a search with the result %s is counted as such', async (result, search) => {
  const before = await counted(result);
  countSearch(search);
  expect(await counted(result)).toBe(before + 1);
});

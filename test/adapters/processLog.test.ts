import { expect, test } from '@jest/globals';
import { logFeatures } from '../../services/features/featureRegistry';
import { createProcessLog } from '../../adapters/processLog';

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'silent'];

test.each(LEVELS)('`driver_offers disabled` is written at LOG_LEVEL=%s', (level) => {
  const lines: string[] = [];
  const { log, always } = createProcessLog(
    { level, name: 'api' },
    { write: (line) => void lines.push(line) },
  );
  const killed = { feature: 'driver_offers', state: 'KILLED', rolloutPercent: 100, cities: null } as const;
  logFeatures({ effective: () => [killed], onChange: () => () => {} }, always);
  log.debug({}, 'a detail');
  const texts = lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
  expect(texts).toEqual(
    level === 'debug' ? ['driver_offers disabled', 'a detail'] : ['driver_offers disabled'],
  );
});

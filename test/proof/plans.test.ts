/**
 * A short `npm run bench -- plans`: every statement of API and worker is inspected, and a missing index is
 * reported.
 */
import { afterAll, expect, test } from '@jest/globals';
import { requiredVariable } from '../support/database';
import { runInstrument, stopInstruments } from '../support/instrument';

const TEMPLATE = 'driver_service_template';
const PATIENCE_MS = 180_000;

afterAll(() => stopInstruments(), 60_000);

function plans(...args: string[]) {
  const at = (variable: string): string =>
    Object.assign(new URL(requiredVariable(variable)), { pathname: `/${TEMPLATE}` }).href;
  const env = {
    PATH: process.env.PATH,
    MIGRATE_DATABASE_URL: at('TEST_DATABASE_URL'),
    DATABASE_URL: at('TEST_APP_DATABASE_URL'),
    REDIS_URL: requiredVariable('TEST_REDIS_URL'),
  };
  return runInstrument('bench/plans/main.js', ['--deliveries', '20000', '--as-if-large', ...args], env);
}

test(
  'no statement of API or worker reads a growing table whole, and none is left out',
  async () => {
    const {
      figures: { whole, failed, leftOut, places },
    } = await plans('--times', '7');
    expect({ whole, failed, leftOut }).toEqual({ whole: [], failed: [], leftOut: [] });
    expect(places).toBeGreaterThan(100);
  },
  PATIENCE_MS,
);

test(
  'where an index is missing it says which table is read whole, and ends with code 1',
  async () => {
    const { figures, complaints, code } = await plans(
      '--times',
      '1',
      '--without',
      'deliveries_open',
      '--without',
      'deliveries_open_of_a_merchant',
      '--only',
      'sweep of open rows',
    );
    expect({ code, whole: figures.whole }).toEqual({ code: 1, whole: ['sweep of open rows'] });
    expect(complaints).toMatch(/WHOLE: .* of deliveries reads/);
  },
  PATIENCE_MS,
);

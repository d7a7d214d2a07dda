/** A bad evening of seconds: the bench plays it to its end and counts what it promises to count. */
import { expect, test } from '@jest/globals';
import type { StretchFigures } from '../../bench/evening/figures';
import type { NoticeFigures } from '../../bench/evening/notices';
import { partsForInstruments, runInstrument } from '../support/instrument';

type Figures = StretchFigures & {
  backlog: number;
  backlogGoneAfterMinutes: number | null;
  notices: NoticeFigures;
  fairness: { orders: number; longestWaitS: number; medianWaitS: number; leftWaiting: number };
  byMinute: unknown[];
  goals: object;
};

const parts = partsForInstruments();

test('orders pile up while drivers are few, and plenty of drivers clear them', async () => {
  const args = [
    '--minutes',
    '0.05',
    '--drivers',
    '4',
    '--plenty',
    '16',
    '--overload',
    '10',
    '--speed',
    '300',
  ];
  const { figures: said } = await runInstrument(
    'bench/evening/main.js',
    [...args, '--time-scale', '100', '--seed', 'proof'],
    {
      ...parts().env,
      OFFER_EXPIRATION_SECONDS: '300',
      ESCALATION_LEVEL_1_THRESHOLD_MINUTES: '1',
      ESCALATION_LEVEL_2_THRESHOLD_MINUTES: '2',
      ESCALATION_LEVEL_3_THRESHOLD_MINUTES: '3',
    },
  );
  const figures = said as Figures;
  expect(figures).toMatchObject({ fairness: { leftWaiting: 0 }, unavailable: 0, notAnsweredInTime: 0 });
  expect(figures.fairness.orders).toBeGreaterThan(4);
  expect(figures.backlog).toBeGreaterThan(0);
  expect(figures.backlogGoneAfterMinutes).toBeGreaterThan(0);
  expect(figures.accepts).toBeGreaterThanOrEqual(figures.fairness.orders);
  expect(figures.looks).toBeGreaterThan(0);
  expect(figures.acceptMs.count).toBeGreaterThanOrEqual(figures.accepts);
  expect(figures.fairness.longestWaitS).toBeGreaterThanOrEqual(figures.fairness.medianWaitS);
  expect(figures.notices.chat).toBeGreaterThan(0);
  expect(figures.notices.pages).toBeGreaterThan(0);
  expect(figures.cores.worker).toBeGreaterThan(0);
  expect(figures.byMinute.length).toBeGreaterThanOrEqual(2);
}, 90_000);

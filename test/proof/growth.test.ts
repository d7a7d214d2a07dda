/**
 * A short `npm run bench -- growth`: ten times as many open deliveries, and many more drivers, do not slow
 * down offers, and the cost of each does not grow.
 */
import { expect, test } from '@jest/globals';
import type { AxisVerdict, StepFigures } from '../../bench/growth/verdict';
import { partsForInstruments, runInstrument } from '../support/instrument';

/** One measurement may be slow by chance on a busy machine; a real defect would be far slower. */
const MOST_RATIO = 3;
const MOST_BYTES_A_DELIVERY = 60_000;

const parts = partsForInstruments();

test('offer latency and the cost of one more stay flat as deliveries and drivers grow', async () => {
  const { figures, complaints: log } = await runInstrument(
    'bench/growth/main.js',
    ['--drivers', '20,300', '--deliveries', '20,200', '--probes', '24', '--rate', '6', '--settle', '2'],
    parts().env,
  );
  const {
    verdicts: [drivers, deliveries],
    steps,
  } = figures as { verdicts: AxisVerdict[]; steps: StepFigures[] };
  expect(steps.map(({ axis, size, probes }) => `${probes} probes at ${size} ${axis}`)).toEqual([
    '24 probes at 20 drivers',
    '24 probes at 300 drivers',
    '24 probes at 20 deliveries',
    '24 probes at 200 deliveries',
  ]);
  if (!drivers || !deliveries) throw new Error(`there is no verdict: ${log}`);
  for (const { axis, offerP50Ratio } of [drivers, deliveries])
    expect({
      axis,
      isAsFast: offerP50Ratio < MOST_RATIO,
      log: offerP50Ratio < MOST_RATIO ? '' : log,
    }).toEqual({ axis, isAsFast: true, log: '' });
  expect(deliveries.bytesEach.postgres).toBeLessThan(MOST_BYTES_A_DELIVERY);
  expect(deliveries.bytesEach.redis).toBeLessThan(MOST_BYTES_A_DELIVERY);
  // What waits does wait: all of it is open, and each has its workflow.
  const { count } = await parts().temporal.client.workflow.count(
    `WorkflowType = 'delivery' AND ExecutionStatus = 'Running'`,
  );
  expect({ open: await parts().db.delivery.count({ where: { closedAt: null } }), running: count }).toEqual({
    open: 200,
    running: 200,
  });
}, 150_000);

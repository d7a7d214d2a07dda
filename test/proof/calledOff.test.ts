/**
 * Ctrl-C ends a program that started worker and API, and ends both with it, without a verdict on the
 * interrupted run.
 */
import { expect, test } from '@jest/globals';
import { callOffInstrument, partsForInstruments } from '../support/instrument';

/** Well below the thirty seconds after which the command kills the program. */
const SOON_MS = 15_000;

const parts = partsForInstruments();

const EACH = [
  {
    name: 'a soak',
    entry: 'reliability/soak/main.js',
    args: ['--minutes', '5', '--sample', '2', '--drivers', '20', '--every', '0.8'],
    when: /^\d+ s: load\.orders/,
  },
  {
    name: 'a bad evening',
    entry: 'simulator/demo/main.js',
    args: ['--deliveries', '200', '--hostile', '--exit'],
    when: /\d+ orders, \d+ delivered/,
  },
];

test.each(EACH)(
  '$name that is interrupted ends soon, and leaves neither worker nor API',
  async ({ entry, args, when }) => {
    const { code, tookMs, started, left, complaints } = await callOffInstrument(
      entry,
      args,
      parts().env,
      when,
    );
    expect({ code, last: complaints.filter((line) => !/^(worker|api) /.test(line)).at(-1) }).toEqual({
      code: 130,
      last: 'interrupted',
    });
    expect(started).toBe(2);
    expect(left).toEqual([]);
    expect(tookMs).toBeLessThan(SOON_MS);
  },
  120_000,
);

import { Writable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { type Logger, pino } from 'pino';
import { temporalLines } from '../../worker/temporalLog';

function linesOf(write: (log: Logger) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  write(
    pino(
      { level: 'warn' },
      new Writable({
        write: (chunk: Buffer, _encoding, done) => {
          lines.push(chunk.toString());
          done();
        },
      }),
    ),
  );
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('an activity failure is logged with its error and source', () => {
  const [line] = linesOf((log) =>
    temporalLines(log)({
      level: 'WARN',
      message: 'Activity failed',
      meta: {
        activityType: 'readDelivery',
        error: new Error('the row was locked', { cause: new Error('by another') }),
      },
    }),
  );
  expect(line).toMatchObject({
    source: 'temporal',
    activityType: 'readDelivery',
    msg: 'Activity failed',
    err: {
      message: expect.stringContaining('the row was locked'),
      stack: expect.stringContaining('by another'),
    },
  });
});

test('Temporal’s INFO lines are not logged at info level', () => {
  expect(
    linesOf((log) => temporalLines(log)({ level: 'INFO', message: 'Worker state changed', meta: {} })),
  ).toEqual([]);
});

/** A worker that starts while Temporal is away waits for it, and says so. */
import { expect, test } from '@jest/globals';
import { ServiceError } from '@temporalio/client';
import { TransportError } from '@temporalio/worker';
import { whenTemporalAnswers } from '../../worker/whenTemporalAnswers';

const refused = (code: number): ServiceError =>
  new ServiceError('no', { cause: Object.assign(new Error('no'), { code, details: '', metadata: {} }) });

function answersAfter(...failures: Error[]): () => Promise<string> {
  const left = [...failures];
  return async () => {
    const failure = left.shift();
    if (failure) throw failure;
    return 'connected';
  };
}

test('an unreachable server is retried until it answers, with a log line each time', async () => {
  const told: unknown[] = [];
  const answer = await whenTemporalAnswers(
    answersAfter(new TransportError('tcp connect error'), refused(14), refused(4)),
    { warn: (...line: unknown[]) => void told.push(line[1]) },
    1,
  );
  expect(answer).toBe('connected');
  expect(told).toEqual(Array.from({ length: 3 }, () => 'Temporal is unreachable; the worker waits for it'));
});

test('a definite refusal is not retried: no namespace, no permission', async () => {
  for (const code of [5, 7])
    await expect(whenTemporalAnswers(answersAfter(refused(code)), { warn: () => {} }, 1)).rejects.toThrow(
      'no',
    );
  await expect(
    whenTemporalAnswers(answersAfter(new TypeError('a mistake of ours')), { warn: () => {} }, 1),
  ).rejects.toThrow('a mistake');
});

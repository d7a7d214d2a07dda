import { expect, test } from '@jest/globals';
import type { DoneFault } from '../../reliability/chaos/faults';
import { AnswerWatch, recoveriesOf } from '../../reliability/chaos/recovery';

const fault = (name: string, endedAt: number): DoneFault => ({
  kind: 'flush',
  name,
  beganAt: endedAt - 1,
  endedAt,
});

test('recovery lasts until a new offer and an acknowledged accept; the longest of a kind counts', () => {
  const signs = { offersAt: [90, 150, 1_200], acceptsAt: [95, 400, 1_300] };
  expect(
    recoveriesOf([fault('flush redis', 100), fault('flush redis', 1_000), fault('cut clients', 140)], signs),
  ).toEqual({
    'cut clients': { times: 1, worstMs: 260 },
    'flush redis': { times: 2, worstMs: 300 },
  });
});

test('a missing recovery counts as none, even where another one of the kind was fast', () => {
  const signs = { offersAt: [110, 2_100], acceptsAt: [120] };
  expect(recoveriesOf([fault('flush redis', 2_000), fault('flush redis', 100)], signs)).toEqual({
    'flush redis': { times: 2, worstMs: null },
  });
});

test('a burst is not a fault, and is left out', () => {
  expect(recoveriesOf([{ ...fault('burst', 100), kind: 'burst' }], { offersAt: [], acceptsAt: [] })).toEqual(
    {},
  );
});

test('only acknowledged accepts count, and a 500 is recorded', async () => {
  const answers = [200, 409, 200, 500];
  const watch = new AnswerWatch(async () => new Response('{}', { status: answers.shift() }));
  for (const path of ['offers/o1/accept', 'offers/o2/accept', 'offers/o3/reject', 'offers/o4/accept'])
    await watch.send(new Request(`http://127.0.0.1:1/v2/${path}`, { method: 'POST' }));
  expect(watch.acceptsAt).toHaveLength(1);
  expect(watch.faults).toEqual([expect.stringContaining('POST /v2/offers/o4/accept')]);
});

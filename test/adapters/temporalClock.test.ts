import { describe, expect, test } from '@jest/globals';
import { createTemporalClock, requireTemporalTime } from '../../adapters/temporal/temporalClock';

const MINUTE_MS = 60_000;

/** Our clock, and tasks that bear Temporal's time, `aheadMs` ahead of it, and arrive `lateMs` later. */
function setting() {
  const time = { now: Date.UTC(2026, 10, 29) };
  const temporalClock = createTemporalClock(
    () => time.now,
    () => time.now,
  );
  const task = (aheadMs: number, lateMs = 5): void => {
    time.now += lateMs;
    temporalClock.observe(time.now - lateMs + aheadMs);
  };
  const tasks = (count: number, aheadMs: number, lateMs?: number): void => {
    for (let i = 0; i < count; i++) task(aheadMs, lateMs);
  };
  return { time, temporalClock, task, tasks };
}

describe('Temporal’s clock', () => {
  test('is unknown before the first task, and nothing is corrected', async () => {
    const { temporalClock } = setting();
    expect([temporalClock.aheadMs(), temporalClock.skewMs()]).toEqual([null, 0]);
    await expect(requireTemporalTime(temporalClock)).resolves.toBeUndefined();
  });

  test('a minute ahead shows with the first task, and fails readiness', async () => {
    const { temporalClock, task } = setting();
    task(MINUTE_MS);
    expect(temporalClock.skewMs()).toBe(MINUTE_MS - 5);
    await expect(requireTemporalTime(temporalClock)).rejects.toThrow('59995 ms ahead');
  });

  test('a minute behind shows once several tasks agree: one may only have come late', () => {
    const { temporalClock, task, tasks } = setting();
    task(-MINUTE_MS);
    expect(temporalClock.skewMs()).toBe(0);
    tasks(4, -MINUTE_MS);
    expect(temporalClock.skewMs()).toBe(-MINUTE_MS - 5);
  });

  test('that agrees is not taken for slow because a whole backlog comes late', () => {
    const { temporalClock, task, tasks } = setting();
    task(0);
    tasks(20, 0, 300);
    expect([temporalClock.aheadMs(), temporalClock.skewMs()]).toEqual([-5, 0]);
  });

  test.each([1_900, -1_900])(
    'that is %s ms ahead is shown and neither corrected nor an outage',
    (aheadMs) => {
      const { temporalClock, tasks } = setting();
      tasks(5, aheadMs);
      expect([temporalClock.aheadMs(), temporalClock.skewMs()]).toEqual([aheadMs - 5, 0]);
    },
  );

  test('that is set right counts as right within half a minute', async () => {
    const { time, temporalClock, tasks } = setting();
    tasks(10, MINUTE_MS);
    for (let seconds = 0; seconds < 25; seconds++) {
      time.now += 1_000;
      tasks(1, 0);
    }
    expect(temporalClock.skewMs()).toBe(0);
    await expect(requireTemporalTime(temporalClock)).resolves.toBeUndefined();
  });

  test('is forgotten by a worker that gets no tasks any more', () => {
    const { time, temporalClock, tasks } = setting();
    tasks(10, MINUTE_MS);
    time.now += 3 * MINUTE_MS;
    expect(temporalClock.aheadMs()).toBeNull();
  });
});

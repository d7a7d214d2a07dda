import { condition, proxyLocalActivities, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { AvailabilityService, TimedEnd } from '../services/availability';
import { type TimedAvailabilityInput, timedStateChanged } from './contract';

const database = proxyLocalActivities<Pick<AvailabilityService, 'endTimedState'>>({
  // well under the workflow task's 5 s, so that a slow transaction never heartbeats one
  startToCloseTimeout: '1400ms',
  localRetryThreshold: '50ms', // each further try waits on a timer, not in a held task (ADR 8)
  retry: { initialInterval: '100ms', maximumInterval: '10s' },
});

/** A clock that differs from PostgreSQL's must not make this spin. */
const MIN_WAIT_MS = 1_000;

/**
 * Ends a driver's break or pause at its time; one run a driver. The row decides, guarded on (state, until):
 * when the nearest known end is due, only that state is ended, and the answer contains the next end to wait
 * for. So signals may come late, repeated or in any order, and an obsolete end costs one read of the row.
 */
export async function timedAvailability({
  driverId,
  correlationId,
  ...first
}: TimedAvailabilityInput): Promise<void> {
  let next: TimedEnd | null = first;
  let trace = correlationId;
  let changed = false;
  let notBefore = 0;
  setHandler(timedStateChanged, ({ state, until, correlationId: newTrace }) => {
    changed = true;
    trace = newTrace;
    next = earlier(next, { state, until });
  });

  while (next !== null) {
    const due: TimedEnd = next;
    changed = false;
    setCurrentDetails(`${wordsOf(due)} at ${new Date(due.until).toISOString()}`);
    const waitMs = Math.max(due.dueAt ?? due.until, notBefore) - Date.now();
    if (waitMs > 0 && (await condition(() => changed, waitMs, { summary: wordsOf(due) }))) continue;
    next = null;
    const { state, until } = due;
    const left = await database.endTimedState({ driverId, correlationId: trace, state, until });
    notBefore = Date.now() + MIN_WAIT_MS;
    next = earlier(next, left);
  }
  setCurrentDetails('over: the driver is in no timed state');
}

function earlier(a: TimedEnd | null, b: TimedEnd | null): TimedEnd | null {
  if (a === null || b === null) return a ?? b;
  return b.until < a.until ? b : a;
}

function wordsOf({ state }: TimedEnd): string {
  return state === 'ON_BREAK' ? 'the break ends' : 'the pause ends';
}

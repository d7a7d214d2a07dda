import { setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher } from '../ports';

/** Calls of one city for a round are at least this long apart. */
const GAP_MS = 1_000;

type CityCalls = { lastAt: number; next: Promise<void> | null };

/**
 * Calls for rounds of a city's matching, at most one a second for each city however many changes come. A change is
 * acknowledged only after a call that began after it, so that none gets lost with this process (ADR 52).
 */
export function atMostOnceASecond({ callRound }: Pick<Dispatcher, 'callRound'>): Dispatcher['callRound'] {
  const cities = new Map<string, CityCalls>();
  return (cityId, correlationId) => {
    const calls = cities.get(cityId) ?? { lastAt: -Infinity, next: null };
    cities.set(cityId, calls);
    calls.next ??= sleep(Math.max(0, calls.lastAt + GAP_MS - performance.now())).then(() => {
      calls.next = null; // who comes from here on needs another call
      calls.lastAt = performance.now();
      return callRound(cityId, correlationId);
    });
    return calls.next;
  };
}

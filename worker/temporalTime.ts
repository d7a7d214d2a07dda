import { activityInfo, type Context } from '@temporalio/activity';
import type { ActivityInterceptors } from '@temporalio/worker';
import { Gauge } from 'prom-client';
import type { TemporalClock } from '../adapters/temporal/temporalClock';
import type { AvailabilityService } from '../services/availability';
import type { Clock } from '../services/ports';

/**
 * Reads Temporal's clock from each ordinary activity: Temporal stamps it as it schedules it. Sweeps are such
 * activities, so a worker without deliveries reads it too. A local activity is stamped by the worker itself.
 */
export function readingTemporalTime(
  temporalClock: Pick<TemporalClock, 'observe'>,
): (context: Context) => ActivityInterceptors {
  return ({ info }) => ({
    inbound: {
      execute: (input, next) => {
        if (!info.isLocal) temporalClock.observe(info.currentAttemptScheduledTimestampMs);
        return next(input);
      },
    },
  });
}

/**
 * Temporal's skew, also read from the workflow's time at the start of a local activity. A later attempt bears
 * the time of the first one, and says nothing.
 */
export function temporalSkewAt(temporalClock: TemporalClock): (at: number) => number {
  return (at) => {
    if (activityInfo().attempt === 1) temporalClock.observe(at);
    return temporalClock.skewMs();
  };
}

/** While Temporal's clock is ahead, a timed state that has not ended by ours is waited for longer. */
export function endingByOurClock(
  endTimedState: AvailabilityService['endTimedState'],
  { skewMs, clock }: { skewMs: () => number; clock: Clock },
): AvailabilityService['endTimedState'] {
  return async (end) => {
    const aheadMs = skewMs();
    const { state, until } = end;
    return aheadMs > 0 && until > clock() ? { state, until, dueAt: until + aheadMs } : endTimedState(end);
  };
}

export function observeTemporalClock(temporalClock: Pick<TemporalClock, 'aheadMs'>): void {
  new Gauge({
    name: 'temporal_clock_ahead_seconds',
    help: 'How far Temporal’s clock is ahead of this worker’s; NaN while unknown',
    collect() {
      const aheadMs = temporalClock.aheadMs();
      this.set(aheadMs === null ? NaN : aheadMs / 1_000);
    },
  });
}

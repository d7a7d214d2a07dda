import { CLOCK_LIMITS, POSITION_LIMITS } from '../../domain/driver/positionLimits';
import { distanceMeters } from '../../domain/geo/places';
import type { KnownPosition, Position } from '../../services/ports';

/** What the map remembers of one device, without Redis: its clock, and a leap that is not believed yet. */
export type DeviceMemory = {
  judge(
    fixes: readonly Position[],
    receivedAt: number,
    live: KnownPosition | null,
  ): { fix: Position; live: boolean }[];
  lagMs(): number;
};

type Seen = Pick<KnownPosition, 'point' | 'at'>;

export function createDeviceMemory(): DeviceMemory {
  let skew = 0;
  let shift: { lag: number; since: number } | null = null;
  let leap: (Seen & { since: number }) | null = null;

  function measure(lag: number, receivedAt: number): void {
    const { rightMs, steadyMs, believedMs } = CLOCK_LIMITS;
    if (Math.abs(lag) <= rightMs) [skew, shift] = [0, null];
    else if (lag <= skew + rightMs) [skew, shift] = [Math.min(lag, skew), null];
    else if (!shift || Math.abs(lag - shift.lag) > steadyMs) shift = { lag, since: receivedAt };
    else if (receivedAt - shift.since >= believedMs) [skew, shift] = [Math.min(lag, shift.lag), null];
  }

  function isLive(fix: Position, before: Seen | null): boolean {
    if (before && fix.at < before.at) return false;
    if ((fix.accuracyMeters ?? 0) > POSITION_LIMITS.vagueMeters) return false;
    if (!before || follows(fix, before)) return true;
    const goesOn = leap && fix.at >= leap.at && follows(fix, leap);
    leap = { point: fix.point, at: fix.at, since: goesOn && leap ? leap.since : fix.at };
    return fix.at - leap.since >= POSITION_LIMITS.leapBelievedMs;
  }

  return {
    lagMs: () => skew,
    judge: (fixes, receivedAt, live) => {
      measure(receivedAt - Math.max(...fixes.map(({ at }) => at)), receivedAt);
      let before: Seen | null = live;
      return fixes.map((sent) => {
        const fix = { ...sent, at: sent.at + skew };
        const moves = isLive(fix, before);
        if (moves) [before, leap] = [fix, null];
        return { fix, live: moves };
      });
    },
  };
}

function follows(fix: Seen, before: Seen): boolean {
  const { vagueMeters, fastestMetersPerMs } = POSITION_LIMITS;
  return (
    distanceMeters(fix.point, before.point) <= 2 * vagueMeters + fastestMetersPerMs * (fix.at - before.at)
  );
}

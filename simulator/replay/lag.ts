import { percentileOf } from '../client/latencies';

/**
 * The lag of actions behind their due times, in real ms. It is a few ms on a machine that keeps up. At a lag
 * of a minute of the day, orders and couriers no longer follow the day's times. The plan then shows the
 * machine's limits instead of the dispatch.
 */
export class Lag {
  private readonly samples = new Map<LagKind, number[]>();

  /** @param dueAt epoch ms; @param doneAt epoch ms of the service's acknowledgement */
  add(kind: LagKind, dueAt: number, doneAt: number): void {
    const known = this.samples.get(kind);
    const lagMs = Math.max(0, doneAt - dueAt);
    if (known) known.push(lagMs);
    else this.samples.set(kind, [lagMs]);
  }

  figures(kind: LagKind): LagFigures | null {
    const samples = this.samples.get(kind) ?? [];
    const [p50Ms, p95Ms, maxMs] = [
      percentileOf(samples, 50),
      percentileOf(samples, 95),
      percentileOf(samples, 100),
    ];
    return p50Ms === null || p95Ms === null || maxMs === null
      ? null
      : { count: samples.length, p50Ms, p95Ms, maxMs };
  }
}

/**
 * order: from placement to post; step: from the due time of a courier's step to its answer; offer: from the
 * moment the search could find a courier to the offer; timer: this process's own timers.
 */
export type LagKind = 'order' | 'step' | 'offer' | 'timer';
export const LAG_KINDS: readonly LagKind[] = ['order', 'step', 'offer', 'timer'];

export type LagFigures = { count: number; p50Ms: number; p95Ms: number; maxMs: number };

/**
 * The plan is invalid if the p95 of a lag exceeds this, in minutes of the day. The data itself counts in
 * whole minutes.
 */
export const LARGEST_LAG_MINUTES = 1;

export type SpeedVerdict =
  { held: true } | { held: false; kind: LagKind; lagMinutes: number; highestSpeed: number };

/**
 * Whether the machine kept up with the speed. If not: the worst kind of lag, its minutes of the day, and a
 * speed at which that lag is harmless.
 */
export function judgeSpeed(lag: Lag, speed: number): SpeedVerdict {
  const worst = LAG_KINDS.map((kind) => ({ kind, p95Ms: lag.figures(kind)?.p95Ms ?? 0 })).reduce((a, b) =>
    b.p95Ms > a.p95Ms ? b : a,
  );
  const lagMinutes = (worst.p95Ms * speed) / 60_000;
  if (lagMinutes <= LARGEST_LAG_MINUTES) return { held: true };
  return {
    held: false,
    kind: worst.kind,
    lagMinutes,
    highestSpeed: Math.max(1, Math.floor((LARGEST_LAG_MINUTES / lagMinutes) * speed * 0.8)),
  };
}

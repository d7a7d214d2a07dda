import { percentileOf } from '../client/latencies';

/**
 * How far what was done lies behind what was due, in ms of this machine. On a machine that keeps up it is a
 * few ms; where it grows to a minute of the day, orders come and couriers move at other times than the day
 * says, and the plan shows the machine, not the dispatch.
 */
export class Lag {
  private readonly samples = new Map<LagKind, number[]>();

  /** @param dueAt epoch ms; @param doneAt epoch ms, when the service had acknowledged it */
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
 * order: posted after its placement; step: a courier's step after its time; offer: offered after the search
 * could find the courier; timer: this process's own timers.
 */
export type LagKind = 'order' | 'step' | 'offer' | 'timer';
export const LAG_KINDS: readonly LagKind[] = ['order', 'step', 'offer', 'timer'];

export type LagFigures = { count: number; p50Ms: number; p95Ms: number; maxMs: number };

/**
 * The plan means nothing once one in twenty of these is later than this, in minutes of the day: the data
 * itself counts in whole minutes.
 */
export const LARGEST_LAG_MINUTES = 1;

export type SpeedVerdict =
  { held: true } | { held: false; kind: LagKind; lagMinutes: number; highestSpeed: number };

/**
 * Whether the machine held the speed; if not, what lagged most, by how many minutes of the day, and a speed
 * at which that lag would be harmless.
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
